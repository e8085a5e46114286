package cache

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type question struct {
	scope   string
	parts   []string
	request []byte
}

func (q *question) key() Key {
	b := NewKey(q.scope)
	for _, p := range q.parts {
		b.Part(p)
	}
	_, _ = b.Write(q.request)
	return b.Key()
}

func (q *question) equal(o *question) bool {
	return q.scope == o.scope && slices.Equal(q.parts, o.parts) && bytes.Equal(q.request, o.request)
}

// Keys are equal exactly when scope, every part and the request are. The alphabet is small, so that questions which differ only
// in where one part ends and the next begins are drawn all the time.
func TestIsolationOfKeys(t *testing.T) {
	texts := rapid.StringMatching(`[ab\x00]{0,3}`)
	questions := rapid.Custom(func(t *rapid.T) *question {
		return &question{texts.Draw(t, "scope"), rapid.SliceOfN(texts, 0, 4).Draw(t, "parts"), []byte(texts.Draw(t, "request"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := questions.Draw(t, "a"), questions.Draw(t, "b")
		if (a.key() == b.key()) != a.equal(b) {
			t.Fatalf("%q and %q: keys equal: %v", a, b, a.key() == b.key())
		}
	})
}

// What is moved from one part to the next, whatever it looks like, makes another key.
func FuzzIsolationOfConcatenations(f *testing.F) {
	f.Add("team=search", "gpt-5", []byte("request"), uint8(3))
	f.Add("team\x00\x00\x00\x00\x00\x00\x00\x05gpt-5", "", []byte{}, uint8(4))
	f.Fuzz(func(t *testing.T, scope, model string, request []byte, at uint8) {
		whole := &question{scope, []string{model}, request}
		all := scope + model + string(request)
		cut := min(int(at), len(all))
		for _, other := range []*question{
			{all[:cut], []string{all[cut:]}, nil},
			{scope, []string{(model + string(request))[:min(cut, len(model)+len(request))]}, []byte((model + string(request))[min(cut, len(model)+len(request)):])},
			{scope, []string{model, string(request)}, nil},
			{scope, []string{model, ""}, request},
			{scope, nil, append([]byte(model), request...)},
			{"", []string{scope, model}, request},
		} {
			if (whole.key() == other.key()) != whole.equal(other) {
				t.Errorf("%q and %q: keys equal: %v", whole, other, whole.key() == other.key())
			}
		}
	})
}

func TestRequestMayComeInPieces(t *testing.T) {
	whole, pieces := NewKey("a"), NewKey("a")
	_, _ = whole.Write([]byte("hello, world"))
	_, _ = pieces.Request().Write([]byte("hello"))
	_, _ = pieces.Write(nil)
	_, _ = pieces.Write([]byte(", world"))
	if whole.Key() != pieces.Key() {
		t.Error("the key depends on how the request was cut into writes")
	}
}

// A key is a name in Redis, and in the memory of the fleet's other gateways: the same question must get it from every version.
func TestKeyIsStable(t *testing.T) {
	k := (&question{"team=search", []string{"gpt-5"}, []byte("request")}).key()
	const want = "35080394989e15a9"
	if got := k.String(); len(got) != 64 || !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s...: a change of the key's make needs another first part", got, want)
	}
	if k.IsZero() || !(Key{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

// TestSealedKeys: nobody works out a sealed key without the secret, and it stays one of its scope.
func TestSealedKeys(t *testing.T) {
	key := NewKey("team=a").Part("x").Key()
	sealed := key.Sealed([]byte("secret"), 1, 2)
	for name, other := range map[string]Key{
		"the key itself": key, "another secret": key.Sealed([]byte("Secret"), 1, 2), "more": key.Sealed([]byte("secret"), 1, 2, 0), "another order": key.Sealed([]byte("secret"), 2, 1),
		"another key": NewKey("team=a").Part("y").Key().Sealed([]byte("secret"), 1, 2),
	} {
		if other == sealed {
			t.Errorf("%s gives the same", name)
		}
	}
	if again := key.Sealed([]byte("secret"), 1, 2); again != sealed || !sealed.IsOf("team=a") {
		t.Errorf("%v, then %v", sealed, again)
	}
	if read, ok := ReadKey(sealed.AppendTo(nil)); !ok || read != sealed {
		t.Errorf("read back: %v %v", read, ok)
	}
	if _, ok := ReadKey(sealed.AppendTo(nil)[1:]); ok {
		t.Error("a key with a byte too few is read")
	}
}
