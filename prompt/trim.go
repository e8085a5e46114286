package prompt

import (
	"crypto/sha256"

	"bursar/exchange"
	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// TrimPlan is what a trim removes from a prompt. The zero value removes nothing. It is valid until its envelope's next Trim, Read
// or Reset, and for as many Shapes as there are candidates.
type TrimPlan struct {
	Removed  int64 // prompt tokens removed, counted for the target that the trim was planned for
	Messages int   // messages dropped
	Edited   int   // messages shortened: tool results, system prompts
	Over     bool  // the prompt is still longer than the limit, and nothing more may be dropped

	before     int // messages before this one are dropped, but for those of the system
	edits      []edit
	summary    []byte // the message in the place of those dropped, as JSON; nil for none
	summarized []byte // its text
}

// Edit is one message that a trim shortens.
type Edit struct {
	Message int   // its index among the messages
	Repeats int   // the message that it repeats, -1 if it is only shortened
	System  bool  // it is a system prompt, and a reviewed text stands for it
	Saved   int64 // tokens
}

// Edits lists the messages that the plan shortens.
func (t *TrimPlan) Edits() []Edit {
	all := make([]Edit, len(t.edits))
	for i, e := range t.edits {
		all[i] = Edit{e.message, e.repeats, e.squeezed, e.saved}
	}
	return all
}

// drops tells whether the plan drops a message.
func (t *TrimPlan) drops(index int, m *message) bool { return index < t.before && m.role != roleSystem }

// plan is what Trim works with; its lists are used again.
type plan struct {
	edits   []edit
	kept    []edit // those of edits that a cut leaves
	text    []byte // what edits put in
	units   []unit
	callers map[uint64]int            // the unit that made a tool call, by the call's id
	results map[[sha256.Size]byte]int // the message that a tool result stood in first
	answers map[uint64]int            // how many tool results a call's id has so far
}

// unit is a user message and all that follows it up to the next one: it stays or goes as a whole, so that no tool result is
// without its call and no answer without its question.
type unit struct {
	first  int   // its first message
	tokens int64 // of its messages but those of the system
	least  int   // the earliest unit that a tool result in this or a later unit answers: no cut may fall between the two
	asked  bool  // it begins with a user message
}

// cutSteps is into how many parts the limit is divided to get the step that cuts are made in. A window that moves with every turn
// changes the prompt's beginning with every turn, so the provider's prompt cache never hits. A cut made a quarter of the
// limit too deep stays where it is until the conversation has grown by that much, and the cache hits in between. Over 222
// recorded conversations of agents, with the limit at half their length and reads of the cache at a tenth of the price, a
// window moving by turns removed 31 % of the tokens and 0 to 4 % of the cost; steps of an eighth took 9 to 12 % off the cost,
// of a quarter 13 to 15 %, of a half the same but for twice the memory lost. A window moving by messages raised the cost by 22 to 36 %.
//
// The cut depends on this request alone, so every gateway cuts at the same place.
const cutSteps = 4

// Trim plans how to shorten the prompt. It shortens tool results as the policy allows, each in the same way in every turn; and if the
// prompt is then longer than the limit, it drops the oldest units, in steps. The system's messages, the last user message and
// what follows it, and KeepLastTurns units always stay. Messages are dropped whole or kept as they are, but for tool results: what is signed,
// encrypted or marked for a cache is never edited.
func (e *Envelope) Trim(c *tokens.Counter, target Target, t exchange.Trim) TrimPlan {
	e.plan.edits, e.plan.text = e.plan.edits[:0], e.plan.text[:0]
	var planned TrimPlan
	if e.input != Messages {
		return planned
	}
	if t.Edits() {
		e.tidy(c, target.Family, &t)
		planned.edits, planned.Edited = e.plan.edits, len(e.plan.edits)
		for i := range planned.edits {
			planned.Removed += planned.edits[i].saved
		}
	}
	if t.MaxPromptTokens <= 0 {
		return planned
	}
	over := e.Measure(c, target).Tokens - planned.Removed - t.MaxPromptTokens
	if over <= 0 {
		return planned
	}
	e.divide()
	step := max(1, t.MaxPromptTokens/cutSteps)
	all := planned.Removed
	for must := over; ; {
		cut, dropped := e.cut(must, (must+step-1)/step*step, max(1, t.KeepLastTurns))
		planned.before = 0
		if cut > 0 {
			planned.before = e.plan.units[cut].first
		}
		edits, restored := e.surviving(planned.before)
		if restored > 0 && dropped >= must && dropped-restored < over { // what repeats a dropped result is whole again, and too much
			must = over + restored
			continue
		}
		planned.edits, planned.Edited = edits, len(edits)
		planned.Removed = all + dropped - restored
		planned.Over = dropped-restored < over
		break
	}
	for i := range planned.before {
		if planned.drops(i, &e.messages[i]) {
			planned.Messages++
		}
	}
	return planned
}

// surviving returns the edits that a cut leaves to make, and the tokens that those would have saved whose original it drops.
func (e *Envelope) surviving(before int) (edits []edit, restored int64) {
	p := &e.plan
	p.kept = p.kept[:0]
	for _, edit := range p.edits {
		switch {
		case edit.message < before && e.messages[edit.message].role != roleSystem: // dropped: it needs no edit
		case edit.repeats >= 0 && edit.repeats < before:
			restored += edit.saved
		default:
			p.kept = append(p.kept, edit)
		}
	}
	return p.kept, restored
}

// divide divides the messages into units.
func (e *Envelope) divide() {
	p := &e.plan
	p.units = append(p.units[:0], unit{})
	if p.callers == nil {
		p.callers = make(map[uint64]int)
	}
	clear(p.callers)
	saved := p.edits
	lastCaller := 0
	begun := false // the current unit has a message that may be dropped
	for i := range e.messages {
		m := &e.messages[i]
		if m.role == roleSystem {
			continue
		}
		now := len(p.units) - 1
		if m.role == roleUser {
			if begun {
				p.units = append(p.units, unit{first: i, least: now + 1})
				now++
			}
			p.units[now].asked = true
		}
		begun = true
		u := &p.units[now]
		u.tokens += m.tokens
		for len(saved) > 0 && saved[0].message <= i {
			if saved[0].message == i {
				u.tokens -= saved[0].saved
			}
			saved = saved[1:]
		}
		for k := m.calls.Start; k < m.calls.End; k++ {
			lastCaller = now
			p.callers[e.callKey(e.calls[k].id)] = now
		}
		if m.role == roleTool {
			caller, ok := p.callers[e.callKey(m.callID)]
			if !ok && m.callID.Kind == jsonspan.None { // the old form has no ids: it answers the last call
				caller, ok = lastCaller, true
			}
			if ok {
				u.least = min(u.least, caller)
			}
		}
	}
	for i := len(p.units) - 2; i >= 0; i-- {
		p.units[i].least = min(p.units[i].least, p.units[i+1].least)
	}
}

func (e *Envelope) callKey(id jsonspan.Value) uint64 {
	if id.Kind != jsonspan.String {
		return 0
	}
	h := newFingerprint()
	h.add(e.textOf(id.Text(), id.Escaped))
	return h.sum()
}

// cut returns before which unit to cut and how many tokens go with it: the least cut that drops the wanted tokens; if none does,
// the least that drops what must go; if none does, the most that may go.
func (e *Envelope) cut(must, want int64, keep int) (unit int, tokens int64) {
	units := e.plan.units
	last := len(units)
	for turns := 0; turns < keep && last > 0; {
		last--
		if units[last].asked {
			turns++
		}
		if last == 0 && turns < keep {
			return 0, 0
		}
	}
	var sum int64
	enough := false
	for k := 1; k <= last; k++ {
		sum += units[k-1].tokens
		if units[k].least < k {
			continue
		}
		if sum >= want {
			return k, sum
		}
		if !enough {
			unit, tokens = k, sum
			enough = sum >= must
		}
	}
	return unit, tokens
}
