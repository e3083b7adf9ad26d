package mixer

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBlocksAreAsSampleBySample compares mixing in blocks with what it stands for:
// one step per sample.
func TestBlocksAreAsSampleBySample(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	whole, single := New(Config{}), New(Config{})
	a, b := whole.Add(), single.Add()
	pcm := make([]float32, 900)
	steady, idle := 0, 0
	for range 5000 {
		n := 1 + rnd.IntN(1000)
		for range rnd.IntN(3) { // next to each other, with gaps, overlapping, late
			said := pcm[:rnd.IntN(len(pcm))]
			for i := range said {
				said[i] = rnd.Float32()*2 - 1
			}
			at := max(whole.head-20, a.end+int64(rnd.IntN(3)-1)*int64(rnd.IntN(200)))
			a.WriteAt(at, said)
			b.WriteAt(at, said)
		}
		cut := whole.head + int64(n+rnd.IntN(500))
		if rnd.IntN(3) > 0 {
			cut += 1 << 30
		}
		got, want := make([]float32, n), make([]float32, n)
		steady += max(0, a.steady(a.m.head, cut, n))
		idle += int(min(int64(n), max(0, a.m.head+int64(n)-a.end)))
		a.mix(got, whole.head, cut)
		for i := range want {
			b.step(&want[i], single.head+int64(i), cut)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("at %d: mixed differently", whole.head)
		}
		whole.head += int64(n)
		single.head += int64(n)
		if a.meter != b.meter || a.gain != b.gain {
			t.Fatalf("at %d: %+v and %+v", whole.head, a.meter, b.meter)
		}
	}
	if steady == 0 || idle == 0 {
		t.Fatalf("%d steady samples, %d idle ones: the test shows nothing", steady, idle)
	}
}
