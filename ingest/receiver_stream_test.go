package ingest

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
)

// Every unit is the frame that was sent; without loss all of them come, however
// they were reordered and repeated.
func TestStreamsWithoutLoss(t *testing.T) {
	for name, s := range streams() {
		t.Run(name, func(t *testing.T) {
			c := clips[s.clip]
			frames := c.frames(t)
			pkts, owner := packetise(frames, s.cut())
			in, _ := link{duplicate: 0.1, reorder: 0.2, seed: 1}.carry(pkts, owner)
			r := newReceiver(t, c.mime)
			got := receive(t, r, in)
			if len(got) != clipFrames {
				t.Errorf("got %d of %d frames: %+v", len(got), clipFrames, r.Stats())
			}
			checkUnits(t, got, frames)
			st := r.Stats()
			if st.Lost+st.Gaps+st.Malformed+st.FramesDropped+st.Late+st.Freezes != 0 || st.Duplicate == 0 {
				t.Errorf("stats: %+v", st)
			}
			if k := got[0]; !k.Key || k.Width != clipWidth || k.Height != clipHeight {
				t.Errorf("first unit: key %v, %dx%d", k.Key, k.Width, k.Height)
			}
			if st.KeyFrames != clipFrames/12 && !s.layered() {
				t.Errorf("%d key frames", st.KeyFrames)
			}
		})
	}
}

func checkUnits(t *testing.T, got map[int]Unit, frames [][]byte) {
	t.Helper()
	for i, u := range got {
		if !bytes.Equal(u.Data, frames[i]) {
			t.Errorf("frame %d: %d bytes differ from the %d sent", i, len(u.Data), len(frames[i]))
		}
	}
}

// After a loss nothing is handed out that does not decode to the same picture
// as without it.
func TestStreamsWithLoss(t *testing.T) {
	for name, s := range streams() {
		c := clips[s.clip]
		frames := c.frames(t)
		want := c.decode(t, numbered(frames))
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				pkts, owner := packetise(frames, s.cut())
				in, lost := link{loss: 0.02, duplicate: 0.05, reorder: 0.1, seed: seed}.carry(pkts, owner)
				r := newReceiver(t, c.mime)
				got := receive(t, r, in)
				checkUnits(t, got, frames)
				checkLosses(t, got, owner, lost, s.layered())
				checkPictures(t, c, got, want)
				if st := r.Stats(); st.Lost == 0 || st.Malformed > 0 || st.Freezes == 0 && !s.layered() {
					t.Errorf("stats: %+v", st)
				}
			})
		}
	}
}

// checkLosses checks that whatever came before a loss, or from the next key
// frame on, is there, and, without layers, nothing else.
func checkLosses(t *testing.T, got map[int]Unit, owner []int, lost map[int]bool, layered bool) {
	t.Helper()
	hit := map[int]bool{}
	for i := range lost {
		hit[owner[i]] = true
	}
	intact := true
	for i := range clipFrames {
		intact = (intact || !layered && i%12 == 0) && !hit[i]
		_, ok := got[i]
		if ok && hit[i] || intact && !ok || !intact && ok && !layered {
			t.Errorf("frame %d: handed out %v, intact %v", i, ok, intact)
		}
	}
}

func checkPictures(t *testing.T, c *clip, got map[int]Unit, want []picture) {
	t.Helper()
	frames := map[int][]byte{}
	for i, u := range got {
		frames[i] = u.Data
	}
	pictures := c.decode(t, frames)
	if len(pictures) != len(got) {
		t.Errorf("%d units decode to %d pictures", len(got), len(pictures))
	}
	for _, p := range pictures {
		if want[p.frame] != p {
			t.Errorf("picture %d is not the one that was sent", p.frame)
		}
	}
}

func numbered(frames [][]byte) map[int][]byte {
	m := map[int][]byte{}
	for i, f := range frames {
		m[i] = f
	}
	return m
}

// Two frames of a stream, sent as the spatial layers of one picture, come out
// as a superframe that decodes to both.
func TestVP9Superframe(t *testing.T) {
	c := clips["vp9"]
	frames := c.frames(t)
	r := newReceiver(t, c.mime)
	for i, f := range frames {
		layer, upper := byte(i%2), byte(i%2)
		for start := 0; start < len(f); start += 500 {
			part := f[start:min(start+500, len(f))]
			last := start+500 >= len(f)
			head := byte(0xa0) | byte(b2i(start == 0))<<3 | byte(b2i(last))<<2 | byte(b2i(i%12 != 0))<<6
			payload := append([]byte{head, byte(i / 2), layer<<1 | upper, 0}, part...)
			r.Push(pkt(uint16(r.Stats().Packets), uint32(i/2), last && i%2 == 1, payload...), 0)
		}
	}
	got := map[int][]byte{}
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		got[int(u.RTP)] = u.Data
	}
	pictures, want := c.decode(t, got), c.decode(t, numbered(frames))
	if len(pictures) != clipFrames || len(got) != clipFrames/2 {
		t.Fatalf("%d units decode to %d pictures: %+v", len(got), len(pictures), r.Stats())
	}
	for i, p := range pictures {
		if p.hash != want[i].hash {
			t.Errorf("picture %d is not the one that was sent", i)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Of streams with temporal layers what is selected decodes to what was sent,
// with losses and changes of mind.
func TestSelectTemporal(t *testing.T) {
	for name, s := range streams() {
		if !s.layered() {
			continue
		}
		c := clips[s.clip]
		frames := c.frames(t)
		want := c.decode(t, numbered(frames))
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				pkts, owner := packetise(frames, s.cut())
				in, lost := link{loss: 0.01 * float64(seed), seed: seed}.carry(pkts, owner)
				r := newReceiver(t, c.mime)
				rng := rand.New(rand.NewPCG(seed, 3))
				got := map[int]Unit{}
				for _, d := range in {
					if rng.IntN(10) == 0 {
						r.Select(-1, rng.IntN(4)-1)
					}
					maps.Copy(got, receiveMore(r, d))
				}
				checkPictures(t, c, got, want)
				st := r.Stats()
				if len(lost) == 0 && (st.Freezes+st.FramesDropped > 0 || st.Units < 10) || st.Unwanted == 0 {
					t.Errorf("stats: %+v", st)
				}
			})
		}
	}
}

// receiveMore pushes a packet and pops what is there by the number of its frame.
func receiveMore(r *Receiver, d delivery) map[int]Unit {
	r.Push(d.pkt, d.at)
	got := map[int]Unit{}
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		got[int(u.RTP-firstRTP)/frameRTP] = u
	}
	return got
}

// Without the highest layers their pictures are missing and nothing else.
func TestSelectRate(t *testing.T) {
	for name, s := range streams() {
		if !s.layered() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			pkts, owner := packetise(clips[s.clip].frames(t), s.cut())
			in, _ := link{}.carry(pkts, owner)
			for temporal, want := range []int{clipFrames / 4, clipFrames / 2, clipFrames} {
				r := newReceiver(t, clips[s.clip].mime)
				r.Select(-1, temporal)
				got := receive(t, r, in)
				expect(t, "units", len(got), want)
				expect(t, "unwanted", r.Stats().Unwanted, uint64(clipFrames-want))
				expect(t, "rate", math.Round(r.Layers().Rates[temporal]), float64(want)/2)
			}
		})
	}
}
