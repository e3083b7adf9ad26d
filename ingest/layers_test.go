package ingest

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

// Whatever layers are selected, the pictures that come are those that a decoder
// of everything gets.
func TestCaptures(t *testing.T) {
	for _, c := range captures() {
		t.Run(c.String(), func(t *testing.T) {
			want := c.reference(t)
			c.testSelection(t, want, -1, -1)
			for spatial := range c.spatial {
				c.testSelection(t, want, spatial, 1)
			}
			for temporal := range c.temporal {
				c.testSelection(t, want, 0, temporal)
			}
			for seed := range uint64(4) {
				c.testLoss(t, want, seed)
			}
			c.testRaise(t, want)
			if !c.blind {
				c.testUnwantedLoss(t, want)
			}
		})
	}
}

// Temporal layers of VP8 that only the dependency descriptors tell are selected,
// and lost, as others are.
func TestDescribedVP8(t *testing.T) {
	c := capture{name: "vp8-l1t3", mime: "video/VP8", spatial: 1, temporal: 3}
	want := c.reference(t)
	for temporal := range c.temporal {
		c.testSelection(t, want, -1, temporal)
	}
	for seed := range uint64(7) {
		c.testLoss(t, want, seed+1) // 0 would lose nothing
	}
	w := c.watch(t, want)
	for _, p := range c.packets(t) {
		if want[pictureID{p.Timestamp, 0}].temporal < 2 { // the others are lost
			w.push(p)
		}
	}
	w.r.Advance(100 * timebase.Second)
	if st := w.r.Stats(); st.Units < 40 || st.Lost < 40 || st.FramesDropped+st.Freezes > 0 {
		t.Errorf("without the highest layer: %+v", st)
	}
	if l := w.r.Layers(); len(l.Rates) != 2 || math.Abs(l.Rates[1]-12.5) > 1 {
		t.Errorf("rates: %v", l.Rates)
	}
}

// testSelection checks that all of the layers comes and nothing else.
func (c capture) testSelection(t *testing.T, want map[pictureID]sent, spatial, temporal int) {
	t.Helper()
	w := c.watch(t, want)
	w.r.Select(spatial, temporal)
	pkts := c.packets(t)
	for _, p := range pkts {
		w.push(p)
	}
	limit := newLayerIDs(spatial, temporal)
	got := map[uint32]Unit{}
	for _, u := range w.units {
		got[uint32(u.RTP)] = u
	}
	last := pkts[len(pkts)-1].Timestamp // may wait for its end
	for id, p := range want {
		ts, tid := id.rtp, p.temporal
		u, ok := got[ts]
		if ok != (tid <= limit.temporal) && ts != last || ok && (u.Temporal != tid || u.Spatial != bestOf(want, ts, limit.spatial)) {
			t.Errorf("select %d, %d: picture %d of temporal layer %d: %v, %+v", spatial, temporal, ts, tid, ok, u)
		}
	}
	st := w.r.Stats()
	if st.FramesDropped+st.Freezes+st.Malformed > 0 || (st.Unwanted > 0) != (spatial >= 0 && spatial < c.spatial-1 || temporal >= 0 && temporal < c.temporal-1) {
		t.Errorf("select %d, %d: stats: %+v", spatial, temporal, st)
	}
	if w.r.WantKeyFrame(0) {
		t.Errorf("select %d, %d: a key frame is wanted", spatial, temporal)
	}
}

// bestOf returns the highest layer of a picture up to limit.
func bestOf(all map[pictureID]sent, rtp uint32, limit uint8) uint8 {
	for s := limit; s > 0; s-- {
		if _, ok := all[pictureID{rtp, s}]; ok {
			return s
		}
	}
	return 0
}

// testLoss loses packets and changes the selection, at random.
func (c capture) testLoss(t *testing.T, want map[pictureID]sent, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	w := c.watch(t, want)
	for i, p := range c.packets(t) {
		if rng.IntN(25) == 0 {
			w.r.Select(rng.IntN(c.spatial+1)-1, rng.IntN(c.temporal+1)-1)
		}
		if i < 10 || rng.IntN(40) > 0 { // the first key frame comes
			w.push(p)
		}
	}
	if st := w.r.Stats(); len(w.units) == 0 || st.Malformed > 0 || st.Lost == 0 {
		t.Errorf("seed %d: %d units, stats: %+v", seed, len(w.units), st)
	}
}

// testUnwantedLoss loses only what is not wanted, which must not be noticed.
func (c capture) testUnwantedLoss(t *testing.T, want map[pictureID]sent) {
	t.Helper()
	w := c.watch(t, want)
	w.r.Select(0, -1)
	pictures, last := 0, uint32(0)
	for i, p := range c.packets(t) {
		if p.Timestamp != last {
			pictures++
		}
		if lowest := p.Timestamp != last; lowest || i%2 == 0 {
			w.push(p)
		}
		last = p.Timestamp
	}
	w.r.Advance(timebase.Second * 100)
	st := w.r.Stats()
	if st.Units < uint64(pictures-1) || st.Lost == 0 || st.FramesDropped+st.Reduced+st.Freezes > 0 || w.r.WantKeyFrame(0) {
		t.Errorf("stats of %d pictures: %+v", pictures, st)
	}
}

// testRaise asks for all spatial layers in mid-stream: the lowest goes on until
// the others come with a key frame, which is asked for.
func (c capture) testRaise(t *testing.T, want map[pictureID]sent) {
	t.Helper()
	w := c.watch(t, want)
	w.r.Select(0, -1)
	w.r.WantKeyFrame(0) // the first
	const at = 20       // units
	asked := false
	for _, p := range c.packets(t) {
		w.push(p)
		n := len(w.units)
		if n == at {
			w.r.Select(-1, -1)
		}
		asked = asked || w.r.WantKeyFrame(0) && n > at
		if n > at && (w.units[n-1].Key || n == at+8) {
			break
		}
	}
	last := w.units[len(w.units)-1]
	if !asked && !last.Key || last.Key != (last.Spatial > 0) || len(w.units) <= at {
		t.Errorf("a key frame was asked for: %v; the last of %d units: %+v", asked, len(w.units), last)
	}
	if st := w.r.Stats(); st.FramesDropped+st.Freezes > 0 {
		t.Errorf("stats: %+v", st)
	}
	if last.Key && w.r.WantKeyFrame(timebase.Second) {
		t.Error("another key frame is asked for")
	}
}

func TestLayersOfCaptures(t *testing.T) {
	for _, c := range captures() {
		t.Run(c.String(), func(t *testing.T) {
			r := c.receiver(t)
			r.Select(0, 0) // what is there does not depend on what is wanted
			start := c.packets(t)[0].Timestamp
			for _, p := range c.packets(t) {
				r.Push(p, 0)
				if p.Timestamp-start == 8*3000 {
					checkRates(t, r.Layers().Rates, c.temporal)
				}
			}
			l := r.Layers()
			expect(t, "sizes", l.Spatial, c.sizes)
			checkRates(t, l.Rates, c.temporal)
		})
	}
}

// checkRates checks that each temporal layer doubles the rate, up to 30.
func checkRates(t *testing.T, rates []float64, layers int) {
	t.Helper()
	if len(rates) != layers {
		t.Errorf("rates: %v", rates)
	}
	want := 30.0
	for i := len(rates) - 1; i >= 0; i-- {
		if math.Abs(rates[i]-want) > 0.1*want+0.5 {
			t.Errorf("rates: %v", rates)
		}
		want /= 2
	}
}

func TestLayers(t *testing.T) {
	r := newReceiver(t, "video/VP8")
	expect(t, "before the first picture", r.Layers(), Layers{})
	seq := uint16(0)
	push := func(n, tid int) {
		frame := vp8Inter
		if n == 0 {
			frame = vp8Key
		}
		seq++
		r.Push(pkt(seq, uint32(1<<32-9000+n*3000), true, append([]byte{0x90, 0x60, 0, byte(tid) << 6}, frame...)...), 0)
	}
	push(0, 0)
	expect(t, "of one picture", r.Layers(), Layers{[]image.Point{{320, 240}}, []float64{0}})
	push(1, 1)
	push(2, 0)
	expect(t, "of three", r.Layers(), Layers{[]image.Point{{320, 240}}, []float64{15, 30}})
	for n := 3; n < 63; n++ {
		push(n, 0)
	}
	expect(t, "without the higher one", r.Layers(), Layers{[]image.Point{{320, 240}}, []float64{30}})
	push(200, 0)
	expect(t, "after a gap", r.Layers(), Layers{[]image.Point{{320, 240}}, []float64{0}})
}

func TestRotation(t *testing.T) {
	c, _ := CodecByMime("video/VP8")
	r := NewReceiver(ReceiverConfig{Codec: c, Extensions: Extensions{VideoOrientation: 4}})
	push := func(seq uint16, ts uint32, marker bool, orientation int, payload ...byte) {
		p := pkt(seq, ts, marker, payload...)
		if orientation >= 0 {
			if err := p.SetExtension(4, []byte{byte(orientation)}); err != nil {
				t.Fatal(err)
			}
		}
		r.Push(p, 0)
	}
	key, inter := append([]byte{0x10}, vp8Key...), append([]byte{0x10}, vp8Inter...)
	push(0, 0, true, -1, key...)
	push(1, 1, false, -1, inter...)
	push(2, 1, true, 1, 0, 5) // camera and flip bits aside, on the last packet
	push(3, 2, false, -1, inter...)
	push(4, 3, true, 0b1110, inter...)
	r.Reset()
	push(5, 4, true, -1, key...)
	push(6, 5, true, 3, inter...)
	push(7, 6, true, 0, inter...)
	var got []int
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		got = append(got, u.Rotation)
	}
	expect(t, "after the reset", got, []int{180, 270, 0})
}

// A value holds from the picture that has it on any of its packets to the next.
func TestRotationOfPictures(t *testing.T) {
	c := captures()[0]
	r := c.receiver(t)
	changes, turn := 0, 0
	for i, p := range c.packets(t) {
		if i == 3 {
			if err := p.SetExtension(captureOrientation, []byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		r.Push(p, 0)
		for u, ok := r.Pop(); ok; u, ok = r.Pop() {
			if u.Rotation != turn {
				turn = u.Rotation
				changes++
			}
			if turned := u.Rotation == 90; turned != (changes == 1) {
				t.Fatalf("picture %d is turned by %d degrees", u.RTP, u.Rotation)
			}
		}
	}
	expect(t, "changes", changes, 2)
}

// What nothing refers to can be left out, and comes back at once.
func TestSelectH264(t *testing.T) {
	r := newReceiver(t, "video/H264")
	r.Push(pkt(0, 0, true, unhex("78 0016 SPS 0005 PPS 0003 65b811")...), 0)
	for i := uint16(1); i < 9; i++ {
		nal := "41 9a 22"
		if i%2 == 1 {
			nal = "01 9a 22"
		}
		switch i {
		case 1:
			r.Select(-1, 0)
		case 5:
			r.Select(-1, -1)
		}
		r.Push(pkt(i, uint32(i)*3000, true, unhex(nal)...), 0)
	}
	var got []string
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		got = append(got, fmt.Sprint(u.RTP/3000, u.Temporal))
	}
	expect(t, "units", got, []string{"0 0", "2 0", "4 0", "5 1", "6 0", "7 1", "8 0"})
	expect(t, "unwanted", r.Stats().Unwanted, 2)
	expect(t, "dropped", r.Stats().FramesDropped, 0)
}

// Two spatial layers without references in the descriptor: TL0PICIDX tells
// which of them goes on, and a P bit that is not set where the upper one begins.
func TestSpatialLayersByNumber(t *testing.T) {
	payload := func(picture int, upper bool) []byte {
		head, layer, frame := byte(0xec), byte(0x10), "870102"
		if picture == 0 || picture == 5 && upper {
			head = 0xac
		}
		if upper {
			layer = 0x13
		} else if picture == 0 {
			frame = "KEY9"
		}
		return append([]byte{head, byte(picture), layer, byte(picture + 250)}, unhex(frame)...)
	}
	tests := []struct {
		lost string // packets: two to a picture
		want string // pictures by their highest layer; "-" is none
		poor bool   // a key frame is wanted in the end
	}{
		{"", "1111111", false},
		{"3", "1000011", false},
		{"2", "1------", true},
		{"345", "10-----", true},
		{"34", "10-----", true},
		{"5", "1100011", false},
		{"35", "1000011", false},
		{"b", "1111100", true},
	}
	for _, tt := range tests {
		t.Run(tt.lost, func(t *testing.T) {
			r := newReceiver(t, "video/VP9")
			for i := range 14 {
				if !strings.ContainsRune(tt.lost, rune(fmt.Sprintf("%x", i)[0])) {
					r.Push(pkt(uint16(i), uint32(i/2), i%2 == 1, payload(i/2, i%2 == 1)...), 0)
				}
			}
			r.Advance(timebase.Second)
			got := []byte("-------")
			for u, ok := r.Pop(); ok; u, ok = r.Pop() {
				got[u.RTP] = '0' + u.Spatial
			}
			expect(t, "pictures", string(got), tt.want)
			expect(t, "key frame wanted", r.WantKeyFrame(timebase.Second), tt.poor)
		})
	}
}

// After a loss as long as VP9's shortest picture IDs go round, no picture is
// taken for another one.
func TestShortPictureIDs(t *testing.T) {
	// The first bytes of frame headers in error_resilient_mode.
	key, inter := unhex("83498342 0000000000"), byte(0x87)
	for lost := 1; lost < 300; lost++ {
		r := newReceiver(t, "video/VP9")
		r.Push(pkt(0, 0, true, append([]byte{0x9c, 0}, key...)...), 0) // I, F, B, E
		for n := 1; n < 700; n++ {
			if n < 200 || n >= 200+lost { // I, P, F, B, E; refers to the picture before
				r.Push(pkt(uint16(n), uint32(n)*3000, true, 0xdc, byte(n&0x7f), 0x02, inter), timebase.Ticks(n)*ms)
			}
		}
		r.Advance(timebase.Second)
		expect(t, fmt.Sprintf("units, %d lost", lost), len(drainUnits(r)), 200)
	}
}
