package ingest

import (
	"bytes"
	"fmt"
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
			if st.KeyFrames != clipFrames/12 && s.clip != "vp8t" {
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
				checkLosses(t, got, owner, lost, s.clip == "vp8t")
				checkPictures(t, c, got, want)
				if st := r.Stats(); st.Lost == 0 || st.Malformed > 0 || st.Freezes == 0 && s.clip != "vp8t" {
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
