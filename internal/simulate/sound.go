package simulate

import (
	"math"
	"math/rand/v2"

	"github.com/callreel/callreel/internal/timebase"
)

// Sound is made at one sample per tick.
const (
	beepLevel   = 0.2 // of full scale
	speechLevel = 0.15
	rampSamples = 96 // 2 ms, against clicks

	syllable  = timebase.Second / 5
	harmonics = 8
)

// sound makes a participant's samples, which depend on nothing but the position.
type sound struct {
	beep   []int16
	speech bool
	index  int
}

func newSound(cfg Config) *sound {
	s := &sound{beep: make([]int16, flashTicks), speech: cfg.Speech, index: cfg.Index}
	for i := range s.beep {
		gain := beepLevel * min(1, float64(min(i, flashTicks-i))/rampSamples)
		s.beep[i] = int16(math.MaxInt16 * gain * math.Sin(2*math.Pi*float64(cfg.Tone)*float64(i)/timebase.Second))
	}
	return s
}

// fill makes the samples from a position on.
func (s *sound) fill(pcm []int16, from timebase.Ticks) {
	for len(pcm) > 0 {
		begin := from.Floor(syllable)
		n := min(len(pcm), int(begin+syllable-from))
		s.fillSyllable(pcm[:n], begin, int(from-begin))
		pcm, from = pcm[n:], from+timebase.Ticks(n)
	}
}

// fillSyllable makes samples of the syllable that begins at a position, skipping
// some. The first one of each second is the beep's.
func (s *sound) fillSyllable(pcm []int16, begin timebase.Ticks, skip int) {
	clear(pcm)
	if begin%timebase.Second == 0 {
		copy(pcm, s.beep[min(skip, len(s.beep)):])
		return
	}
	if s.speech {
		s.speak(pcm, begin, skip)
	}
}

// speak makes a vowel: harmonics of a voice's pitch, strongest around a formant.
// One syllable in four is a pause.
func (s *sound) speak(pcm []int16, begin timebase.Ticks, skip int) {
	rng := rand.New(rand.NewPCG(uint64(s.index), uint64(begin)))
	if rng.IntN(4) == 0 {
		return
	}
	pitch := float64(100+20*(s.index%7)) * (0.9 + 0.2*rng.Float64())
	formant := 1 + rng.Float64()*(harmonics-2)
	var weights [harmonics]float64
	sum := 0.0
	for k := range weights {
		weights[k] = 1 / (1 + (float64(k)-formant)*(float64(k)-formant))
		sum += weights[k]
	}
	for i := range pcm {
		at := float64(skip + i)
		envelope := math.Sin(math.Pi * at / syllable)
		v := 0.0
		for k, w := range weights {
			v += w * math.Sin(2*math.Pi*pitch*float64(k+1)*at/timebase.Second)
		}
		pcm[i] = int16(math.MaxInt16 * speechLevel * envelope * v / sum)
	}
}
