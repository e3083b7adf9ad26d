package mixer

import (
	"math"
	"time"
)

const (
	meterFrame   = 10 * time.Millisecond
	meterRise    = 1.0 / 3  // of the way per frame: 30 ms
	meterFall    = 1.0 / 30 // 300 ms
	meterFloor   = 1e-12    // -120 dBFS
	speechStarts = 6.3e-5   // -42 dBFS
	speechEnds   = 6.3e-6   // -52 dBFS
)

// meter follows the power of a signal in frames of 10 ms.
type meter struct {
	frame    int // samples in a frame
	n        int // samples so far in this one
	energy   float64
	power    float64
	speaking bool
}

func newMeter(rate int) meter { return meter{frame: samples(meterFrame, rate)} }

func (m *meter) add(x float32) {
	m.energy += float64(float64(x) * float64(x))
	m.count(1)
}

// write adds samples.
func (m *meter) write(pcm []float32) {
	for len(pcm) > 0 {
		k := min(len(pcm), m.frame-m.n)
		energy := m.energy
		for _, x := range pcm[:k] {
			energy += float64(float64(x) * float64(x))
		}
		m.energy = energy
		m.count(k)
		pcm = pcm[k:]
	}
}

// silence adds n samples of it.
func (m *meter) silence(n int) {
	for n > 0 {
		k := min(n, m.frame-m.n)
		m.count(k)
		n -= k
	}
}

// count adds n samples to the frame, which has room for them.
func (m *meter) count(n int) {
	m.n += n
	if m.n == m.frame {
		m.next()
	}
}

// next closes a frame.
func (m *meter) next() {
	power := m.energy / float64(m.n)
	step := meterFall
	if power > m.power {
		step = meterRise
	}
	m.power += float64((power - m.power) * step)
	m.n, m.energy = 0, 0
	if m.speaking {
		m.speaking = m.power >= speechEnds
	} else {
		m.speaking = m.power >= speechStarts
	}
}

func (m *meter) level() float64 { return 10 * math.Log10(max(m.power, meterFloor)) }

func (m *meter) reset() { *m = meter{frame: m.frame} }
