package timebase

import "math/bits"

const (
	spreadSpan  = 10 * Second // of each half of the window
	stepsInBits = 3           // steps per octave: 2^3, so a value is exact to an eighth
	spreadSteps = 20 << stepsInBits
)

// spread counts how late packets are, in steps of an eighth, over the last 10
// to 20 s.
type spread struct {
	began         Ticks
	counts, older [spreadSteps]uint32
}

func (s *spread) add(late, now Ticks) {
	if now-s.began >= spreadSpan {
		s.began, s.older, s.counts = now, s.counts, [spreadSteps]uint32{}
	}
	s.counts[spreadStep(late)]++
}

// spreadStep returns the number of the step that holds a value.
func spreadStep(late Ticks) int {
	v := uint64(max(late, 0))
	if v < 1<<stepsInBits {
		return int(v)
	}
	octave := bits.Len64(v) - stepsInBits - 1
	n := octave<<stepsInBits + int(v>>octave)
	return min(n, spreadSteps-1)
}

// spreadValue returns the least value of a step.
func spreadValue(step int) Ticks {
	const perOctave = 1 << stepsInBits
	if step < perOctave {
		return Ticks(step)
	}
	octave := step/perOctave - 1
	return Ticks(step-octave*perOctave) << octave
}

// percentile returns the value that share percent of the packets don't exceed
// by more than a step.
func (s *spread) percentile(share uint64) Ticks {
	var total, sum uint64
	for i := range s.counts {
		total += uint64(s.counts[i]) + uint64(s.older[i])
	}
	for i := range s.counts {
		sum += uint64(s.counts[i]) + uint64(s.older[i])
		if sum*100 >= total*share && total > 0 {
			return spreadValue(i)
		}
	}
	return 0
}
