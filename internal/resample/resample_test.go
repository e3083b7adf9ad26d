package resample

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func sine(n int, hz, rate float64) []float32 {
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(0.5 * math.Sin(2*math.Pi*hz*float64(i)/rate))
	}
	return pcm
}

func mustNew(tb testing.TB, in, out int) *Resampler {
	tb.Helper()
	r, err := New(in, out)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// snr compares with the sine of amplitude 0.5 that should have come out.
func snr(got []float32, hzPerSample float64) float64 {
	var signal, noise float64
	for i := 500; i < len(got); i++ {
		want := 0.5 * math.Sin(2*math.Pi*hzPerSample*float64(i))
		signal += want * want
		noise += (float64(got[i]) - want) * (float64(got[i]) - want)
	}
	return 10 * math.Log10(signal/noise)
}

func TestSineIsKept(t *testing.T) {
	for _, c := range []struct {
		in, out int
		hz      []float64
	}{
		{8000, 16000, []float64{50, 1000, 3400}},
		{16000, 16000, []float64{50, 1000, 3456, 7000}},
		{44100, 16000, []float64{50, 1000, 3456, 7000}},
		{48000, 16000, []float64{50, 1000, 3456, 7000}},
		{16000, 48000, []float64{50, 7000}},
	} {
		for _, ppm := range []int32{0, 1, -200, 5000, -20000} {
			for _, hz := range c.hz {
				r := mustNew(t, c.in, c.out)
				r.SetDrift(ppm)
				out := r.Process(nil, sine(c.in/2, hz, float64(c.in)))
				if db := snr(out, hz/float64(c.out)*(1+float64(ppm)/1e6)); db < 70 {
					t.Errorf("%d to %d Hz, %d ppm: %.0f Hz has %.1f dB", c.in, c.out, ppm, hz, db)
				}
			}
		}
	}
}

func TestNoAliases(t *testing.T) {
	for _, in := range []int{44100, 48000} {
		for _, hz := range []float64{9000, 9500, 12000, 15990, 20000} {
			out := mustNew(t, in, 16000).Process(nil, sine(in/2, hz, float64(in)))
			var power float64
			for _, x := range out[500:] {
				power += float64(x) * float64(x)
			}
			if db := 10 * math.Log10(power/float64(len(out)-500)/0.125); db > -70 {
				t.Errorf("%d Hz: a tone of %.0f Hz leaves %.1f dB", in, hz, db)
			}
		}
	}
}

func TestEqualRatesPassUnchanged(t *testing.T) {
	r := mustNew(t, 16000, 16000)
	pcm := sine(5000, 7900, 16000)
	var out []float32
	for part := range slices.Chunk(pcm, 333) {
		out = r.Process(out, part)
	}
	out = r.Process(out, make([]float32, r.Delay()))
	if !slices.Equal(out, pcm) {
		t.Error("samples changed")
	}
}

func TestPartitionDoesNotMatter(t *testing.T) {
	pcm := sine(20000, 1234, 44100)
	for _, drift := range []int32{0, 77} {
		whole := mustNew(t, 44100, 16000)
		whole.SetDrift(drift)
		want := whole.Process(nil, pcm)
		for _, n := range []int{1, 7, 441, 1023, 1025} {
			r := mustNew(t, 44100, 16000)
			r.SetDrift(drift)
			var got []float32
			for part := range slices.Chunk(pcm, n) {
				got = r.Process(got, part)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("parts of %d samples give another result", n)
			}
		}
	}
}

func TestLongLengthIsExact(t *testing.T) {
	for _, c := range []struct {
		in, out   int
		ppm       int32
		take, get int
	}{
		{16000, 16000, 200, 3600 * 16000 * 10002 / 10000, 3600 * 16000},
		{16000, 16000, -200, 3600 * 16000 * 9998 / 10000, 3600 * 16000},
		{44100, 16000, 0, 3600 * 44100, 3600 * 16000},
	} {
		r := mustNew(t, c.in, c.out)
		r.SetDrift(c.ppm)
		// Only positions matter: a filter of four taps saves the time.
		r.Filter = &Filter{taps: 4, table: make([]float32, 4*(phases+1))}
		r.Reset()
		got, src, dst := 0, make([]float32, 36000), []float32(nil)
		for left := c.take; left > 0; left -= len(src) {
			src = src[:min(left, len(src))]
			dst = r.Process(dst[:0], src)
			got += len(dst)
		}
		got += len(r.Process(nil, make([]float32, r.Delay())))
		if got != c.get || r.next.Phase != 0 {
			t.Errorf("%d to %d Hz, %d ppm: %d samples, want %d; phase %d", c.in, c.out, c.ppm, got, c.get, r.next.Phase)
		}
	}
}

func TestSteeringDoesNotClick(t *testing.T) {
	r := mustNew(t, 16000, 16000)
	var out []float32
	steps := []int32{0, 200, -200, 0, 10000, -10000, 0, 3}
	for i, part := range slices.Collect(slices.Chunk(sine(16000, 440, 16000), 320)) {
		r.SetDrift(steps[i%len(steps)])
		out = r.Process(out, part)
	}
	w := 2 * math.Pi * 440 / 16000 * 1.01
	for i := 202; i < len(out); i++ {
		if bend := math.Abs(float64(out[i] - 2*out[i-1] + out[i-2])); bend > 0.5*w*w*1.02 {
			t.Fatalf("sample %d bends by %.5f", i, bend)
		}
	}
}

func TestReset(t *testing.T) {
	r := mustNew(t, 44100, 16000)
	pcm := sine(3000, 700, 44100)
	first := r.Process(nil, pcm)
	r.Process(nil, pcm[:17])
	r.Reset()
	if !slices.Equal(r.Process(nil, pcm), first) {
		t.Error("Reset leaves something behind")
	}
}

func TestDriftIsBounded(t *testing.T) {
	r := mustNew(t, 16000, 16000)
	for ppm, want := range map[int32]int64{math.MaxInt32: 1_020_000, math.MinInt32: 980_000, 5: 1_000_005} {
		if r.SetDrift(ppm); r.next.Step != want {
			t.Errorf("%d ppm gives a step of %d", ppm, r.next.Step)
		}
	}
}

func TestRatesAreChecked(t *testing.T) {
	for _, c := range [][2]int{{0, 16000}, {16000, 0}, {-1, 16000}, {16000, 1 << 40}, {999, 16000}} {
		if _, err := New(c[0], c[1]); err == nil {
			t.Errorf("%d is accepted", c)
		}
	}
	for _, c := range [][2]int{{1000, 192000}, {192000, 1000}} {
		mustNew(t, c[0], c[1]).Process(nil, make([]float32, 5000))
	}
}

func TestNoAllocations(t *testing.T) {
	r := mustNew(t, 48000, 16000)
	r.SetDrift(33)
	src, dst := make([]float32, 960), make([]float32, 0, 400)
	if n := testing.AllocsPerRun(100, func() { dst = r.Process(dst[:0], src) }); n != 0 {
		t.Errorf("%v allocations per call", n)
	}
}

// BenchmarkSecond is the cost of a second of drifting 16 kHz audio.
func BenchmarkSecond(b *testing.B) {
	r := mustNew(b, 16000, 16000)
	r.SetDrift(100)
	src, dst := sine(16000, 440, 16000), make([]float32, 0, 17000)
	for b.Loop() {
		dst = r.Process(dst[:0], src)
	}
}

func ExampleResampler() {
	r, err := New(8000, 16000)
	if err != nil {
		panic(err)
	}
	r.SetDrift(200) // the sender's clock is that much too fast
	out := r.Process(nil, make([]float32, 8000))
	out = r.Process(out, make([]float32, r.Delay()))
	fmt.Println(len(out), "samples")
	// Output: 15997 samples
}
