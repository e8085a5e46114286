package proxy

import "context"

// Purge forgets the answers that carry one of some labels, or every answer if it names none: at once here, on every other gateway within about a
// second. What the semantic cache has learned of them goes too.
func (s *Server) Purge(ctx context.Context, labels ...string) error {
	if err := s.cache.Purge(ctx, labels...); err != nil {
		return err
	}
	switch {
	case s.semantic == nil:
	case len(labels) == 0:
		s.semantic.Clear()
	default:
		s.semantic.Forget(s.cache.Hides)
	}
	return nil
}
