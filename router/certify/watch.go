package certify

// Watch takes a certificate back when labels that come after it show that quality has fallen below the target. It bets that the mean is
// below, from every label on anew, so a good past does not hide a bad present: the most of bets begun at all times (a Shiryaev-Roberts sum)
// is compared with what the risk allows over a horizon of labels.
type Watch struct {
	target, limit float64
	sum           float64 // of the capitals of bets begun at each label so far
	seen          int
	squares       float64 // of losses, fading: the size of bets goes by them
	weight        float64
	broken        bool
}

// watchHorizon is over how many labels the risk of a false alarm is held: then bets begin anew, as if nothing had been seen.
const watchHorizon = 1000

// NewWatch watches for a mean quality below target. The chance of a false alarm within watchHorizon labels is at most risk.
func NewWatch(target, risk float64) *Watch {
	return &Watch{target: target, limit: watchHorizon / risk}
}

// Add takes in what the route scored on a request, and what the premium model scored.
func (w *Watch) Add(got, premium float64) {
	if w.seen++; w.seen%watchHorizon == 0 && !w.broken {
		w.sum = 0
	}
	loss := w.target*premium - got // above 0 if the target is missed
	// The stake is what would have grown fastest lately, were the mean loss that of a target missed by a quality of missed.
	const missed, usualSquare, usualWeight = 0.05, 0.06, 50
	square := (w.squares + usualWeight*usualSquare) / (w.weight + usualWeight)
	stake := max(0, min(0.5, missed/square))
	w.sum = (w.sum + 1) * (1 + stake*loss)
	const fade = 0.995
	w.squares, w.weight = w.squares*fade+loss*loss, w.weight*fade+1
	w.broken = w.broken || w.sum >= w.limit
}

// Broken tells whether the certificate no longer holds. It stays so.
func (w *Watch) Broken() bool { return w.broken }
