package proxy

import (
	"fmt"
	"os"
	"strings"
	"time"

	"bursar/cache/opinion"
	"bursar/policy"
	"bursar/pricing"
)

// opinions is the client that second opinions are asked through. It is kept, with what it knows, as long as policies ask the same embedder in the same
// way.
type opinions struct {
	client *opinion.Client
	like   string // what it was made of
}

// useOpinion gives a generation its client. A failure leaves the client in use alone.
func (s *Server) useOpinion(g *generation) error {
	var of *policy.Opinion
	if c := g.policy.Cache.Semantic; c != nil && c.Opinion != nil && c.Opinion.Provider.Unavailable == "" {
		of = c.Opinion
	}
	if of == nil {
		return nil
	}
	key, err := keyOfEmbedder(of.Provider)
	if err != nil {
		return fmt.Errorf("cache.semantic.second_opinion: %w", err)
	}
	o := opinion.Options{URL: of.Provider.BaseURL, Key: key, Model: of.Embedder.Model, Dims: of.Dims, Deadline: of.Deadline}
	like := fmt.Sprintf("%+v %s", o, of.Embedder.Target)
	o.Spent = s.spentOnOpinions
	if s.opinions.client == nil || s.opinions.like != like {
		client, err := opinion.New(o)
		if err != nil {
			return fmt.Errorf("cache.semantic.second_opinion: %w", err)
		}
		if old := s.opinions.client; old != nil {
			time.AfterFunc(retireAfter, old.Close)
		}
		s.opinions = opinions{client, like}
	}
	g.opinion = s.opinions.client
	return nil
}

// keyOfEmbedder is the provider's first key that is no team's own, "" if it needs none.
func keyOfEmbedder(p *policy.Provider) (string, error) {
	for _, k := range p.Keys {
		switch {
		case k.Team != "":
		case k.File == "":
			return k.Value, nil
		default:
			text, err := os.ReadFile(k.File)
			if err != nil {
				return "", fmt.Errorf("read the key of provider %q: %w", p.Name, err)
			}
			return strings.TrimSpace(string(text)), nil
		}
	}
	if len(p.Keys) > 0 {
		return "", fmt.Errorf("provider %q has keys of single teams only; add one for all", p.Name)
	}
	return "", nil
}

// spentOnOpinions tells what an embedder's answer cost, at the price that the policy has now.
func (s *Server) spentOnOpinions(tokens int64) {
	var cost pricing.Nano
	if p := s.Policy(); p != nil && p.Cache.Semantic != nil && p.Cache.Semantic.Opinion != nil {
		if price := p.Cache.Semantic.Opinion.Embedder.Price; price != nil {
			cost = price.Cost(&pricing.Usage{Input: tokens}, time.Now())
		}
	}
	s.Opinion(tokens, cost)
}
