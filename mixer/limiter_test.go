package mixer

import (
	"math"
	"slices"
	"testing"
)

func TestOneLoudVoiceKeepsItsLevel(t *testing.T) {
	m := New(Config{})
	m.Add().WriteAt(0, sine(32000, 1000, 0.79))
	out := pull(m, 32000, 320)
	if db := 20 * math.Log10(amplitude(out[8000:24000], 1000)/(0.79*fullScale)); math.Abs(db) > 0.01 {
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

// gains returns the gain in dB of a quiet tone in windows of 10 ms, by what it
// adds to a mix.
func gains(with, without []int16, hertz, amp float64) (dB []float64) {
	const window = testRate / 100
	for at := 0; at+window <= len(with); at += window {
		diff := make([]int16, window)
		for i := range diff {
			diff[i] = with[at+i] - without[at+i]
		}
		dB = append(dB, 20*math.Log10(amplitude(diff, hertz)/(amp*fullScale)))
	}
	return dB
}

func TestNineLoudVoices(t *testing.T) {
	const n, quiet = 6 * testRate, 5000
	with, without := pull(nine(n, quiet), n, 320), pull(nine(n, 0), n, 320)
	if p := peak(with); p > ceiling || p < ceiling*9/10 {
		t.Errorf("peak %d, want at most %d and near it", p, ceiling)
	}
	dB := gains(with, without, quiet, 0.02)[100:500]
	jump := 0.0
	for i := range dB[1:] {
		jump = max(jump, math.Abs(dB[i+1]-dB[i]))
	}
	ripple := slices.Max(dB) - slices.Min(dB)
	t.Logf("ripple %.2f dB, fastest change %.2f dB in 10 ms", ripple, jump)
	if ripple > 4 || jump > 2 {
		t.Errorf("the gain pumps: ripple %.2f dB, %.2f dB from one window to the next", ripple, jump)
	}
}

// TestBangDucksShortly: a single loud transient hides the others for less than
// 150 ms, and not at all what stays below the ceiling.
func TestBangDucksShortly(t *testing.T) {
	const n, quiet, at = 2 * testRate, 5000, testRate
	for _, c := range []struct{ amp, least float64 }{{4, -15}, {2, -9}, {0.75, -0.1}} {
		mix := func(amp float64) []int16 {
			m := New(Config{})
			m.Add().WriteAt(at, sine(testRate/100, 300, c.amp))
			m.Add().WriteAt(0, sine(n, quiet, amp))
			return pull(m, n, 320)
		}
		dB := gains(mix(0.02), mix(0), quiet, 0.02)[:199]
		t.Logf("bang of %.2f: %.1f dB, after 100 ms %.2f dB, after 150 ms %.2f dB", c.amp, slices.Min(dB[2:]), dB[111], dB[116])
		if slices.Min(dB[2:]) < c.least || math.Abs(dB[97]) > 0.1 || dB[116] < -1 || dB[190] < -0.1 {
			t.Errorf("bang of %.2f: %.2f", c.amp, dB[97:120])
		}
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
