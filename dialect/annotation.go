package dialect

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// annotation says where a stretch of an answer is from, as a chat completion has it. Indices count characters of the answer.
type annotation struct {
	Type string      `json:"type"` // url_citation
	URL  urlCitation `json:"url_citation"`
}

type urlCitation struct {
	Start int    `json:"start_index"`
	End   int    `json:"end_index"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// citationsOf makes annotations of a text block's citations. Those that lead into documents of the request, which have no URL, are for clients of
// Anthropic's own API alone.
func citationsOf(citations []json.RawMessage, start, end int) (all []annotation) {
	for _, raw := range citations {
		var from struct {
			URL    string `json:"url"`
			Source string `json:"source"`
			Title  string `json:"title"`
		}
		if json.Unmarshal(raw, &from) != nil {
			continue
		}
		if strings.HasPrefix(from.Source, "https://") || strings.HasPrefix(from.Source, "http://") {
			from.URL = from.Source // of a search result that the client has sent
		}
		if from.URL != "" {
			all = append(all, annotation{"url_citation", urlCitation{start, end, from.Title, from.URL}})
		}
	}
	return all
}

// citationsIn are a text block's citations, one by one.
func citationsIn(raw json.RawMessage) (all []json.RawMessage) {
	_ = json.Unmarshal(nullOr(raw), &all) // of another form they are none
	return all
}

func characters(text string) int { return utf8.RuneCountInString(text) }

// byteAt is the byte at which a character of a text begins, or its end.
func byteAt(text string, character int) int {
	for at := range text {
		if character--; character < 0 {
			return at
		}
	}
	return len(text)
}

// urlAnnotation is an annotation of the Responses API.
type urlAnnotation struct {
	Type string `json:"type"`
	urlCitation
}

// responses are annotations of a text that begins so many characters into the answer.
func responsesAnnotations(all []annotation, begun int) []any {
	out := []any{}
	for _, a := range all {
		if a.Type != "url_citation" {
			continue
		}
		a.URL.Start, a.URL.End = max(0, a.URL.Start-begun), max(0, a.URL.End-begun)
		out = append(out, urlAnnotation{a.Type, a.URL})
	}
	return out
}

// googleCitations are annotations as Google has them: indices count bytes.
type googleCitations struct {
	Sources []googleSource `json:"citationSources"`
}

type googleSource struct {
	Start int    `json:"startIndex"`
	End   int    `json:"endIndex"`
	URI   string `json:"uri"`
	Title string `json:"title,omitempty"`
}

// mostAnnotations bounds those of one answer, or of one event: each is looked for in the text.
const mostAnnotations = 500

func googleCitationsOf(all []annotation, text string) *googleCitations {
	var out googleCitations
	for _, a := range all[:min(len(all), mostAnnotations)] {
		if a.Type == "url_citation" {
			out.Sources = append(out.Sources, googleSource{byteAt(text, a.URL.Start), byteAt(text, a.URL.End), a.URL.URL, a.URL.Title})
		}
	}
	if out.Sources == nil {
		return nil
	}
	return &out
}

// geminiSources are where a candidate's text is from: what it cites, and what a search has found. Indices count bytes.
type geminiSources struct {
	Sources   []googleSource `json:"citationSources"` // as AI Studio has them
	Citations []googleSource `json:"citations"`       // as Vertex AI has them

	Chunks []struct {
		Web googleSource `json:"web"`
	} `json:"groundingChunks"`
	Supports []struct {
		Segment struct {
			Start int `json:"startIndex"`
			End   int `json:"endIndex"`
		} `json:"segment"`
		Chunks []int `json:"groundingChunkIndices"`
	} `json:"groundingSupports"`
}

// annotations tell where a candidate's text, all of it so far, is from.
func (c *geminiCandidate) annotations(text string) (all []annotation) {
	cite := func(start, end int, from googleSource) {
		at := func(i int) int { return characters(text[:max(0, min(i, len(text)))]) }
		if from.URI != "" && len(all) < mostAnnotations {
			all = append(all, annotation{"url_citation", urlCitation{at(start), at(end), from.Title, from.URI}})
		}
	}
	for _, raw := range []json.RawMessage{c.Citations, c.Grounding} {
		var s geminiSources
		if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
			continue
		}
		for _, from := range append(s.Sources, s.Citations...) {
			cite(from.Start, from.End, from)
		}
		for _, support := range s.Supports {
			for _, i := range support.Chunks {
				if i >= 0 && i < len(s.Chunks) {
					cite(support.Segment.Start, support.Segment.End, s.Chunks[i].Web)
				}
			}
		}
	}
	return all
}
