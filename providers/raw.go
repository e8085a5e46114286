package providers

import (
	"cmp"
	"hash/fnv"
	"slices"

	"bursar/dialect"
	"bursar/pricing"
)

// number names a key in what is stored for long: as long as its variable or its file has the same name it is the same. It is never 0.
func (k *Key) number() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(k.Name + "\n" + k.Team)) // a hash does not fail
	return cmp.Or(h.Sum32(), 1)
}

// only picks the key of a number among those that serve a team. Where there is one alone it is that, as its name may have changed; else there is
// none if no key has the number.
func only(ring []*credential, number uint32) []*credential {
	if number == 0 || len(ring) == 1 {
		return ring
	}
	for i, k := range ring {
		if k.number() == number {
			return ring[i : i+1]
		}
	}
	return nil
}

// OnlyKey is the number of the key that serves a team, if there is only one.
func (u *Upstream) OnlyKey(team string) (number uint32, ok bool) {
	ring := u.ring(team)
	if len(ring) != 1 {
		return 0, false
	}
	return ring[0].number(), true
}

// Owns tells whether a key is one of a team's own, so that what its account has stored is that team's.
func (u *Upstream) Owns(team string, number uint32) bool {
	return slices.ContainsFunc(u.keys, func(c *credential) bool { return c.number() == number && c.Team == team && team != "" })
}

// ResponseUsage is what a stored response tells of what it has used. False: it tells nothing.
func ResponseUsage(r *dialect.StoredResponse) (pricing.Usage, bool) {
	usage, ok := ReadUsage(r.Usage)
	if ok && r.Tier != nil {
		usage.Tier = cmp.Or(usage.Tier, servedTier(r.Tier))
	}
	return usage, ok
}
