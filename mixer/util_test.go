package mixer

import (
	"math"
	"math/rand/v2"
)

const testRate = 16000

// noise returns n samples that are whole 16-bit numbers below amp.
func noise(seed uint64, n int, amp int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(r.IntN(2*amp+1)-amp) / fullScale
	}
	return pcm
}

func sine(n int, hz, amp float64) []float32 {
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(amp * math.Sin(2*math.Pi*hz*float64(i)/testRate))
	}
	return pcm
}

// pull mixes n samples in blocks.
func pull(m *Mixer, n, block int) []int16 {
	out := make([]int16, 0, n)
	for len(out) < n {
		b := make([]int16, min(block, n-len(out)))
		m.MixAt(int64(len(out)), b)
		out = append(out, b...)
	}
	return out
}

func peak(pcm []int16) int {
	p := 0
	for _, x := range pcm {
		p = max(p, int(x), -int(x))
	}
	return p
}

// bend returns the greatest second difference, which is what a click has more
// of than the sound around it.
func bend(pcm []int16) int {
	b := 0
	for i := 2; i < len(pcm); i++ {
		d := int(pcm[i]) - 2*int(pcm[i-1]) + int(pcm[i-2])
		b = max(b, d, -d)
	}
	return b
}

// amplitude returns that of the tone hz in pcm, in units of the output.
func amplitude(pcm []int16, hz float64) float64 {
	var re, im float64
	for i, x := range pcm {
		w := 2 * math.Pi * hz * float64(i) / testRate
		re += float64(x) * math.Cos(w)
		im += float64(x) * math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}
