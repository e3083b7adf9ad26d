package ingest

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Whatever layers are selected, all pictures of them come, and nothing else.
func TestSelectCaptures(t *testing.T) {
	for _, c := range captures() {
		pkts, want := c.packets(t), c.reference(t)
		for spatial := -1; spatial < c.spatial; spatial++ {
			for temporal := -1; temporal < c.temporal; temporal++ {
				t.Run(fmt.Sprintf("%v/%d,%d", c, spatial, temporal), func(t *testing.T) {
					w := c.watch(t, want)
					w.r.Select(spatial, temporal)
					for _, p := range pkts {
						w.push(p)
					}
					checkSelection(t, w, newLayerIDs(spatial, temporal))
				})
			}
		}
	}
}

func checkSelection(t *testing.T, w *watch, want layerIDs) {
	t.Helper()
	got := map[uint32]uint8{}
	for _, u := range w.units {
		if u.Temporal > want.temporal {
			t.Errorf("picture %d has temporal layer %d", u.RTP, u.Temporal)
		}
		got[uint32(u.RTP)] = u.Spatial
	}
	for id := range w.want {
		best := bestOf(w.want, id.rtp, want.spatial)
		if s, ok := got[id.rtp]; ok && s != best {
			t.Errorf("picture %d has spatial layer %d, not %d", id.rtp, s, best)
		}
	}
	st := w.r.Stats()
	if st.FramesDropped+st.Freezes+st.Malformed > 0 || len(w.units) == 0 {
		t.Errorf("%d units, stats: %+v", len(w.units), st)
	}
	if want == newLayerIDs(-1, -1) && st.Unwanted > 0 {
		t.Errorf("stats: %+v", st)
	}
}

// bestOf returns the highest layer of a picture up to limit.
func bestOf(all map[pictureID]digest, rtp uint32, limit uint8) uint8 {
	for s := min(limit, topLayer); s > 0; s-- {
		if _, ok := all[pictureID{rtp, s}]; ok {
			return s
		}
	}
	return 0
}

// With losses and changing wishes nothing is handed out that does not decode to
// what was sent.
func TestSelectCapturesWithLoss(t *testing.T) {
	for _, c := range captures() {
		pkts, want := c.packets(t), c.reference(t)
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%v/%d", c, seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				w := c.watch(t, want)
				for i, p := range pkts {
					if rng.IntN(25) == 0 {
						w.r.Select(rng.IntN(c.spatial+1)-1, rng.IntN(c.temporal+1)-1)
					}
					if i < 10 || rng.IntN(40) > 0 { // the first key frame comes
						w.push(p)
					}
				}
				st := w.r.Stats()
				if len(w.units) == 0 || st.Malformed > 0 || st.Lost == 0 {
					t.Errorf("%d units, stats: %+v", len(w.units), st)
				}
			})
		}
	}
}
