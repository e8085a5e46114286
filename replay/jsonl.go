package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// line is a record in a file: one JSON object a line. What is left out is zero, and one answer (n).
type line struct {
	Time         time.Time         `json:"time"`
	Team         string            `json:"team"`
	Project      string            `json:"project,omitempty"`
	Key          string            `json:"key,omitempty"` // the key's public id
	User         string            `json:"user,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	Model        string            `json:"model"` // that the client asked for
	Stream       bool              `json:"stream,omitempty"`
	Tools        bool              `json:"tools,omitempty"`
	Images       int               `json:"images,omitempty"`
	Turns        int               `json:"turns,omitempty"`
	N            int64             `json:"n,omitempty"`
	PromptTokens int64             `json:"prompt_tokens"`
	Estimated    bool              `json:"estimated,omitempty"` // the count of the prompt is
	MaxOutput    int64             `json:"max_output,omitempty"`
	Complexity   *float64          `json:"complexity,omitempty"` // absent if no signal spoke
	BudgetUsed   float64           `json:"budget_used,omitempty"`
	Pinned       bool              `json:"pinned,omitempty"`
	Conversation string            `json:"conversation,omitempty"` // in hex
	LastModel    string            `json:"last_model,omitempty"`
	LastTarget   string            `json:"last_target,omitempty"`
	LastCached   int64             `json:"last_cached,omitempty"` // prompt tokens that its provider has in its cache
	LastOutput   int64             `json:"last_output,omitempty"`
	Certified    []string          `json:"certified,omitempty"` // routes
	CacheKey     string            `json:"cache_key,omitempty"` // in hex

	Rule     string      `json:"rule,omitempty"`
	Tier     string      `json:"tier,omitempty"`
	Target   string      `json:"target,omitempty"`
	Refused  bool        `json:"refused,omitempty"`
	Hit      bool        `json:"hit,omitempty"`
	Usage    *usageLine  `json:"usage,omitempty"`
	Trimmed  int64       `json:"trimmed,omitempty"`
	Took     int64       `json:"took_ns,omitempty"` // nanoseconds
	Cost     json.Number `json:"cost_usd"`
	Baseline json.Number `json:"baseline_usd,omitempty"`
	Beside   json.Number `json:"beside_usd,omitempty"` // of the house's own calls for it
	Cascade  *triedLine  `json:"cascade,omitempty"`
	Sample   *sampleLine `json:"sample,omitempty"`
}

// triedLine is a Tried.
type triedLine struct {
	Word   exchange.CascadeWord `json:"result"`
	Failed string               `json:"failed,omitempty"`
	Cheap  string               `json:"cheap,omitempty"`
	Cost   pricing.Nano         `json:"cheap_nano,omitempty"`
	Second pricing.Nano         `json:"second_nano,omitempty"`
}

// sampleLine is a Sample.
type sampleLine struct {
	Terms       string       `json:"terms"`
	Cheap       string       `json:"cheap,omitempty"`
	Other       string       `json:"other,omitempty"`
	Served      bool         `json:"served_cheap,omitempty"`
	Passed      bool         `json:"passed,omitempty"`
	Score       float64      `json:"cheap_score"`
	OtherScore  float64      `json:"other_score"`
	Unsettled   bool         `json:"unsettled,omitempty"`
	CheapCost   pricing.Nano `json:"cheap_nano,omitempty"`
	SecondCost  pricing.Nano `json:"second_nano,omitempty"`
	PremiumCost pricing.Nano `json:"other_nano,omitempty"`
}

type usageLine struct {
	Input        int64  `json:"input"`
	CacheRead    int64  `json:"cache_read,omitempty"`
	CacheWrite   int64  `json:"cache_write,omitempty"`
	CacheWrite1h int64  `json:"cache_write_1h,omitempty"`
	AudioIn      int64  `json:"audio_in,omitempty"`
	ImageIn      int64  `json:"image_in,omitempty"`
	Output       int64  `json:"output"`
	Reasoning    int64  `json:"reasoning,omitempty"`
	AudioOut     int64  `json:"audio_out,omitempty"`
	ImageOut     int64  `json:"image_out,omitempty"`
	Tier         string `json:"tier,omitempty"`
	Region       string `json:"region,omitempty"`
}

// Write appends a record to a file that Read reads.
func Write(to io.Writer, r *Record) error {
	f := &r.Facts
	l := line{
		Time: f.At.UTC(), Team: f.Team, Project: f.Project, Key: f.Key, User: f.User, Model: f.Model, Stream: f.Stream, Tools: f.Tools,
		Images: f.Images, Turns: f.Turns, PromptTokens: f.PromptTokens, MaxOutput: f.MaxOutput, BudgetUsed: f.BudgetUsed, Pinned: f.Pinned,
		Conversation: hexOf(f.Conversation), LastModel: f.Sticky.Model, LastTarget: f.Sticky.Target,
		LastCached: f.Sticky.Warm, LastOutput: f.Sticky.Output, Certified: f.Certified, CacheKey: hexOf(r.Key),
		Rule: r.Rule, Tier: r.Model, Target: r.Target, Refused: r.Refused, Hit: r.Hit, Trimmed: r.Trimmed, Took: int64(r.Took),
		Cost: json.Number(r.Cost.Dollars()), Baseline: json.Number(r.Baseline.Dollars()),
	}
	l.Estimated = f.PromptMethod == exchange.MethodEstimate
	if r.Beside != 0 {
		l.Beside = json.Number(r.Beside.Dollars())
	}
	if r.Tried != nil {
		t := triedLine(*r.Tried)
		l.Cascade = &t
	}
	if r.Sample != nil {
		s := sampleLine(*r.Sample)
		l.Sample = &s
	}
	if f.N != 1 {
		l.N = f.N
	}
	if f.Complexity.Known {
		l.Complexity = &f.Complexity.Score
	}
	for _, t := range f.Tags {
		if l.Tags == nil {
			l.Tags = map[string]string{}
		}
		l.Tags[t.Name] = t.Value
	}
	if r.answered() {
		u := usageLine(r.Usage)
		l.Usage = &u
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = to.Write(append(text, '\n'))
	return err
}

func hexOf(v uint64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatUint(v, 16)
}

// Read calls do for each record of a file, in its order. The record is only lent. Errors name the line.
func Read(from io.Reader, do func(*Record) error) error {
	const mostLine = 1 << 20
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, mostLine)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		r, err := parseLine(lines.Bytes())
		if err == nil {
			err = do(&r)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

func parseLine(text []byte) (Record, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return Record{}, err
	}
	if l.Time.IsZero() || l.Team == "" || l.Model == "" {
		return Record{}, fmt.Errorf("a record needs time, team and model")
	}
	r := Record{
		Facts: exchange.Facts{
			At: l.Time, Team: l.Team, Project: l.Project, Key: l.Key, User: l.User, Model: l.Model, Stream: l.Stream, Tools: l.Tools,
			Images: l.Images, Turns: l.Turns, N: max(1, l.N), PromptTokens: l.PromptTokens, MaxOutput: l.MaxOutput, BudgetUsed: l.BudgetUsed,
			Pinned: l.Pinned, Sticky: exchange.Sticky{Model: l.LastModel, Target: l.LastTarget, Warm: l.LastCached, Output: l.LastOutput}, Certified: l.Certified,
		},
		Rule: l.Rule, Model: l.Tier, Target: l.Target, Refused: l.Refused, Hit: l.Hit, Trimmed: l.Trimmed, Took: time.Duration(l.Took),
	}
	if r.Facts.PromptMethod = exchange.MethodExact; l.Estimated {
		r.Facts.PromptMethod = exchange.MethodEstimate
	}
	if l.Complexity != nil {
		r.Facts.Complexity = exchange.Complexity{Score: *l.Complexity, Known: true}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Tags)) {
		r.Facts.Tags = append(r.Facts.Tags, exchange.Tag{Name: name, Value: l.Tags[name]})
	}
	if l.Cascade != nil {
		t := Tried(*l.Cascade)
		r.Tried = &t
	}
	if l.Sample != nil {
		s := Sample(*l.Sample)
		r.Sample = &s
	}
	if l.Usage != nil {
		r.Usage = pricing.Usage(*l.Usage)
	}
	var err error
	for _, part := range []struct {
		text string
		into *uint64
	}{{l.Conversation, &r.Facts.Conversation}, {l.CacheKey, &r.Key}} {
		if part.text == "" {
			continue
		}
		if *part.into, err = strconv.ParseUint(part.text, 16, 64); err != nil {
			return Record{}, fmt.Errorf("%q is not up to 16 digits of hex", part.text)
		}
	}
	for _, part := range []struct {
		text json.Number
		into *pricing.Nano
	}{{l.Cost, &r.Cost}, {l.Baseline, &r.Baseline}, {l.Beside, &r.Beside}} {
		if part.text == "" {
			continue
		}
		if *part.into, err = pricing.ParseDollars(part.text.String()); err != nil {
			return Record{}, err
		}
	}
	return r, nil
}
