package callreel

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/Eyevinn/mp4ff/avc"
)

// Units with start codes of either length become what mp4ff makes of them, in
// memory that is used again.
func TestAppendSample(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var sample []byte
	for n := range 1000 {
		var unit []byte
		for i := range 1 + rng.IntN(4) {
			if i == 0 || rng.IntN(2) == 0 {
				unit = append(unit, 0)
			}
			unit = append(unit, 0, 0, 1)
			for range 1 + rng.IntN(60) {
				b := byte(rng.IntN(6)) // many zeros, and what is nearly a start code
				if z := len(unit); unit[z-2] == 0 && unit[z-1] == 0 && b < 4 {
					unit = append(unit, 3)
				}
				unit = append(unit, b)
			}
			unit = append(unit, 0x80)
		}
		sample = appendSample(sample[:0], unit)
		if want := avc.ConvertByteStreamToNaluSample(bytes.Clone(unit)); !bytes.Equal(sample, want) {
			t.Fatalf("%d: %x of %x, want %x", n, sample, unit, want)
		}
	}
	if got := appendSample([]byte{9}, nil); !bytes.Equal(got, []byte{9}) {
		t.Errorf("%x of nothing", got)
	}
}
