package control

import "testing"

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		cores, each      float64
		running, maximum int
		want             int // -1: not known
	}{
		{2, 0, 0, 0, -1},
		{2, 0, 1, 3, 2},
		{2, 0.2, 0, 0, 8},
		{2, 0.2, 5, 0, 3},
		{2, 0.2, 9, 0, 0},
		{2, 0.2, 1, 4, 3},
		{0.5, 0.5, 0, 0, 0},
	} {
		got := capacity{Cores: c.cores, Running: c.running, Maximum: c.maximum}.room(c.each)
		if got == nil && c.want != -1 || got != nil && *got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestVerbsHaveNames(t *testing.T) {
	for _, e := range routes() {
		if e.verb.String() == "" {
			t.Errorf("%s %s has no name", e.method, e.path)
		}
	}
}
