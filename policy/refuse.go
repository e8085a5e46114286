package policy

import "bursar/exchange"

// Refuses tells whether the budget, when it has no room, keeps a request from a candidate. One that downgrades lets pass the model that it
// downgrades to, and any that is no dearer: it bounds what is spent on anything better.
func (b *Budget) Refuses(p *Policy, c *exchange.Candidate) bool {
	switch b.WhenSpent {
	case Block:
		return !b.Observe
	case Downgrade:
		if c == nil {
			return !b.Observe
		}
		if tier, ok := p.Models[c.Tier]; ok && tier.Rank <= b.DowngradeTo.Rank {
			return false
		}
		return !b.Observe && c.Tier != b.DowngradeTo.Name
	default:
		return false
	}
}
