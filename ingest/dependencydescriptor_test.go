package ingest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pion/rtp"
)

// What Chromium sends with a key frame of L1T3, and its next frames.
const (
	descriptorL1T3 = "800001 800214eaa860414d1410208427013f00b3"
	descriptorT2   = "c30002"
)

func TestDescriptor(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"key frame", descriptorL1T3, "{start:true end:false number:1 known:true spatial:0 temporal:0 count:0 diffs:[0 0 0 0 0 0 0 0] width:320 height:180}"},
		{"template", descriptorT2, "{start:true end:true number:2 known:true spatial:0 temporal:2 count:1 diffs:[1 0 0 0 0 0 0 0] width:320 height:180}"},
		{"in the middle", "0300ff", "{start:false end:false number:255 known:false spatial:0 temporal:0 count:0 diffs:[0 0 0 0 0 0 0 0] width:0 height:0}"},
		{"its own differences", "c30003 142280", "{start:true end:true number:3 known:true spatial:0 temporal:2 count:2 diffs:[18 1 0 0 0 0 0 0] width:320 height:180}"},
		{"no such template", "ff0004", "{start:true end:true number:4 known:false spatial:0 temporal:0 count:0 diffs:[0 0 0 0 0 0 0 0] width:0 height:0}"},
		{"cut differences", "c30003 14", "{start:true end:true number:3 known:false spatial:0 temporal:2 count:1 diffs:[1 0 0 0 0 0 0 0] width:320 height:180}"},
	}
	var s structure
	if d, ok := s.parse(unhex(descriptorT2)); !ok || d.known {
		t.Errorf("before the structure: %+v, %v", d, ok)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, ok := s.parse(unhex(tt.in))
			if got := fmt.Sprintf("%+v", d); !ok || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, ok, tt.want)
			}
		})
	}
	s.parse(unhex("800009 8002"))
	if d, _ := s.parse(unhex(descriptorT2)); d.known {
		t.Errorf("after a cut structure: %+v", d)
	}
	if _, ok := s.parse([]byte{1, 2}); ok {
		t.Error("two bytes are enough")
	}
}

// FuzzDescriptor reads descriptors behind their lengths.
func FuzzDescriptor(f *testing.F) {
	key, next := unhex(descriptorL1T3), unhex(descriptorT2)
	f.Add(append(append(append([]byte{byte(len(key))}, key...), byte(len(next))), next...))
	for _, name := range []string{"vp9-l3t3key", "av1-l3t3key", "av1-l2t2"} {
		if in, err := os.ReadFile("testdata/" + name + ".rtp"); err == nil {
			f.Add(descriptorsOf(in, 3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var s structure
		for len(in) > 0 {
			n := min(int(in[0]), len(in)-1)
			d, _ := s.parse(in[1 : n+1])
			in = in[n+1:]
			if d.known && (d.count > maxReferences || d.spatial >= maxFrames || d.temporal > topLayer) {
				t.Fatalf("%+v", d)
			}
		}
	})
}

// descriptorsOf returns the first descriptors of a capture behind their lengths.
func descriptorsOf(in []byte, count int) (out []byte) {
	for range count {
		n := 2 + int(binary.BigEndian.Uint16(in))
		var p rtp.Packet
		if p.Unmarshal(in[2:n]) == nil {
			d := p.GetExtension(captureDescriptor)
			out = append(append(out, byte(len(d))), d...)
		}
		in = in[n:]
	}
	return out
}

// The window is a set of numbers that forgets old ones.
func TestWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var w window
		handed := map[int64]bool{}
		number := rng.Int64N(1 << 20)
		for range 500 {
			number += 1 + rng.Int64N(8)
			if rng.IntN(100) == 0 {
				number += rng.Int64N(2 * windowSpan)
			}
			refs := references{known: true, number: number}
			want := len(handed) > 0
			for range rng.IntN(3) {
				diff := 1 + rng.IntN(20)
				refs.add(diff)
				want = want && handed[number-int64(diff)]
			}
			if got := w.holds(&refs); got != want {
				t.Fatalf("frame %+v: got %v, want %v", refs, got, want)
			}
			if rng.IntN(3) > 0 {
				w.put(number)
				handed[number] = true
			}
		}
	}
}

func TestWindowForgets(t *testing.T) {
	var w window
	w.put(7)
	for _, tt := range []struct {
		number int64
		diff   int
		want   bool
	}{{8, 1, true}, {7, 1, false}, {6, 1, false}, {9, 1, false}, {7 + windowSpan, windowSpan, true}} {
		refs := references{number: tt.number}
		refs.add(tt.diff)
		expect(t, fmt.Sprint(tt.number), w.holds(&refs), tt.want)
	}
	w.put(7 + windowSpan)
	refs := references{number: 8 + windowSpan}
	refs.add(windowSpan + 1)
	expect(t, "beyond the window", w.holds(&refs), false)
	w.lose(maxUnseen - 1)
	expect(t, "after a few losses", w.used, true)
	w.lose(1)
	expect(t, "after many", w.used, false)
}
