package mixer

import (
	"math"
	"slices"
	"testing"
)

func TestOneLoudVoiceKeepsItsLevel(t *testing.T) {
	m := New(Config{})
	m.Add().WriteAt(0, sine(32000, 1000, 0.89))
	out := pull(m, 32000, 320)
	if db := 20 * math.Log10(amplitude(out[8000:24000], 1000)/(0.89*fullScale)); math.Abs(db) > 0.01 {
		t.Errorf("the level changed by %.4f dB", db)
	}
}

// nine returns nine loud voices and, if it is not 0, a quiet tone.
func nine(n int, quietHz float64) *Mixer {
	m := New(Config{})
	for k := range 9 {
		m.Add().WriteAt(0, sine(n, 170*math.Pow(1.31, float64(k)), 0.5))
	}
	if quietHz != 0 {
		m.Add().WriteAt(0, sine(n, quietHz, 0.02))
	}
	return m
}

func TestNineLoudVoices(t *testing.T) {
	const n, quiet = 6 * testRate, 5000
	with, without := pull(nine(n, quiet), n, 320), pull(nine(n, 0), n, 320)
	if p := peak(with); p > ceiling || p < ceiling*9/10 {
		t.Errorf("peak %d, want at most %d and near it", p, ceiling)
	}
	// What the quiet tone adds shows the gain over time, in windows of 10 ms.
	lo, hi, jump, last := math.Inf(1), 0.0, 0.0, 0.0
	for at := testRate; at+160 <= n-testRate; at += 160 {
		diff := make([]int16, 160)
		for i := range diff {
			diff[i] = with[at+i] - without[at+i]
		}
		a := amplitude(diff, quiet)
		lo, hi = min(lo, a), max(hi, a)
		if last != 0 {
			jump = max(jump, math.Abs(20*math.Log10(a/last)))
		}
		last = a
	}
	if ripple := 20 * math.Log10(hi/lo); ripple > 4 || jump > 2 {
		t.Errorf("the gain pumps: ripple %.2f dB, %.2f dB from one window to the next", ripple, jump)
	} else {
		t.Logf("ripple %.2f dB, fastest change %.2f dB in 10 ms", ripple, jump)
	}
}

func TestGainComesBackToOne(t *testing.T) {
	l := newLimiter(testRate)
	for range 100 {
		l.push(3)
	}
	for range 3 * testRate {
		l.push(0)
	}
	for i, x := range noise(1, 1000, ceiling) {
		if l.push(x); l.env != unity || l.total != unity*int64(len(l.envs)) {
			t.Fatalf("sample %d: gain %d", i, l.env)
		}
	}
}

func TestLimiterAgainstPeaks(t *testing.T) {
	for name, pcm := range map[string][]float32{
		"noise":   noise(3, 20000, 8*fullScale),
		"impulse": append(make([]float32, 500), 25, -25, 0, 0, 0.1),
		"step":    append(make([]float32, 500), 1, 1, 1, 1, 2, 2, 2, 2),
	} {
		l := newLimiter(testRate)
		for _, x := range append(pcm, make([]float32, 2000)...) {
			if y := l.push(x); y > ceiling || y < -ceiling {
				t.Fatalf("%s: %d", name, y)
			}
		}
	}
}

func TestMinWindow(t *testing.T) {
	const size = 7
	w := newMinWindow(size)
	var all []int64
	for i, x := range noise(5, 3000, 20) {
		all = append(all, int64(x*fullScale))
		want := all[i]
		for _, v := range all[max(0, i-size+1):] {
			want = min(want, v)
		}
		if got := w.push(all[i]); got != want {
			t.Fatalf("value %d: %d, want %d", i, got, want)
		}
	}
}

func TestGainComesDownGradually(t *testing.T) {
	l := newLimiter(testRate)
	pcm := append(slices.Repeat([]float32{0.5}, 500), 4)
	last := 0
	for i, x := range append(pcm, make([]float32, l.delay()-1)...) {
		y := int(l.push(x))
		if i > 200 && last-y > (1<<14)/l.delay() {
			t.Fatalf("sample %d falls from %d to %d", i, last, y)
		}
		last = y
	}
	if last > (1<<14)/4 {
		t.Errorf("%d just before the peak", last)
	}
}
