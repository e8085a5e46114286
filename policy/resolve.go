package policy

// Resolve finds what a client asked for: a model of the policy, or provider/model of a configured provider, which is made a
// model of its own with that one target. It does not know auto.
func (p *Policy) Resolve(asked string) (*Model, bool) { m, ok := p.Models[asked]; return m, ok }
