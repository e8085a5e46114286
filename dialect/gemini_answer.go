package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errNoCandidate = errors.New("it answered 200 with neither a candidate nor why the prompt was blocked")

// geminiToChat carries an answer back.
func geminiToChat(body []byte, made Made) ([]byte, error) {
	var in geminiAnswer
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	out := completion{ID: in.ID, Object: "chat.completion", Created: made.Created, Model: in.Model, Choices: []choice{}}
	for i := range in.Candidates {
		c := &in.Candidates[i]
		calls := geminiCalls{answer: in.ID, created: made.Created, candidate: c.Index}
		said := calls.read(c.Content.Parts)
		finish := geminiFinish(c.FinishReason, calls.made > 0)
		m := &message{
			Role: "assistant", Reasoning: said.reasoning, Images: said.images, ToolCalls: said.calls, Extra: signed(said.signature),
			Annotations: c.annotations(said.text),
		}
		if said.spoke {
			m.Content = &said.text
		}
		for k := range m.ToolCalls {
			m.ToolCalls[k].Index = nil // that is of chunks
		}
		out.Choices = append(out.Choices, choice{Index: c.Index, Message: m, FinishReason: &finish, LogProbs: c.Logprobs.chat(), Native: c.foreign(body, i)})
	}
	if why := in.blocked(); why != "" {
		out.Choices = []choice{{Message: &message{Role: "assistant", Refusal: &why}, FinishReason: &filtered}}
	}
	if len(out.Choices) == 0 {
		return nil, errNoCandidate
	}
	if in.Usage != nil {
		out.Usage, out.ServiceTier = in.Usage.chat(), in.Usage.tier()
	}
	return encode(nil, &out), nil
}

var filtered = "content_filter"

// blocked says why a prompt was blocked, "" if it was not.
func (a *geminiAnswer) blocked() string {
	if len(a.Candidates) > 0 || a.Prompt == nil || a.Prompt.BlockReason == "" {
		return ""
	}
	why := "The provider blocked the prompt: " + a.Prompt.BlockReason + "."
	if a.Prompt.Message != "" {
		why += " " + a.Prompt.Message
	}
	return why
}

// geminiCalls counts the calls of one candidate, and gives ids to those that come without.
type geminiCalls struct {
	answer    string
	created   int64
	candidate int
	made      int
	said      strings.Builder // the text of a stream so far
}

// geminiSaid is what some parts of a candidate say.
type geminiSaid struct {
	text      string
	spoke     bool
	reasoning string
	signature string // of its text
	images    []image
	calls     []toolCall
}

// read reads parts. What runs on Google's side is none of the client's.
func (c *geminiCalls) read(parts []geminiPart) (s geminiSaid) {
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Call != nil:
			index := c.made
			c.made++
			id := p.Call.ID
			if id == "" {
				id = c.id(index)
			}
			s.calls = append(s.calls, toolCall{
				Index: &index, ID: id, Type: "function", Function: toolFunction{p.Call.Name, compact(p.Call.Args)}, Extra: signed(p.Signature),
			})
			continue
		case p.Inline != nil && !p.Thought:
			made := image{Type: "image_url"}
			made.URL.URL = "data:" + p.Inline.MimeType + ";base64," + p.Inline.Data
			s.images = append(s.images, made)
		case p.Text == nil:
		case p.Thought:
			s.reasoning += *p.Text
		default:
			s.text += *p.Text
			s.spoke = true
		}
		if p.Signature != "" {
			s.signature = p.Signature
		}
	}
	return s
}

// id makes an id for a call: another one in every answer, since a conversation holds the calls of many.
func (c *geminiCalls) id(index int) string {
	answer := c.answer
	if answer == "" {
		answer = strconv.FormatInt(c.created, 36)
	}
	id := madeUp + answer + "_" + strconv.Itoa(index)
	if c.candidate > 0 {
		id += "_" + strconv.Itoa(c.candidate)
	}
	return id
}

// geminiLogprobs are the log probabilities of a candidate's tokens.
type geminiLogprobs struct {
	Chosen []geminiLogprob `json:"chosenCandidates"`
	Top    []struct {
		Candidates []geminiLogprob `json:"candidates"`
	} `json:"topCandidates"`
}

type geminiLogprob struct {
	Token   string      `json:"token"`
	LogProb json.Number `json:"logProbability"`
}

func (l *geminiLogprobs) chat() *logprobs {
	if l == nil {
		return nil
	}
	out := &logprobs{Content: []logprob{}}
	for i, c := range l.Chosen {
		one := c.chat()
		if i < len(l.Top) {
			for _, t := range l.Top[i].Candidates {
				one.Top = append(one.Top, t.chat())
			}
		}
		out.Content = append(out.Content, one)
	}
	return out
}

func (l geminiLogprob) chat() logprob {
	p := logprob{Token: l.Token, LogProb: l.LogProb}
	if p.LogProb == "" {
		p.LogProb = "0" // certain: Google leaves out what is zero
	}
	for _, b := range []byte(l.Token) {
		p.Bytes = append(p.Bytes, int(b))
	}
	return p
}

// geminiRefusal carries an error back. Some of Google's services put it into an array.
func geminiRefusal(status int, body []byte) []byte {
	var in geminiAnswer
	var list []geminiAnswer
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		in = list[0]
	} else if json.Unmarshal(body, &in) != nil {
		in.Error = nil
	}
	if in.Error == nil || in.Error.Message == "" {
		in.Error = &geminiError{Message: fmt.Sprintf("The provider refused the request with status %d.", status)}
	}
	return encode(nil, in.Error.chat())
}

func (e *geminiError) chat() *chatError {
	var out chatError
	out.Error.Message, out.Error.Type = e.Message, "invalid_request_error"
	if e.Code >= 500 {
		out.Error.Type = "api_error"
	}
	if e.Status != "" {
		code := strings.ToLower(e.Status)
		out.Error.Code = &code
	}
	return &out
}
