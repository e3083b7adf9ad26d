package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hraban/opus"

	"github.com/callreel/callreel/internal/opusframe"
)

// TestMeterIsTrue: how loud packets of noise say they are goes with what is decoded of
// them, whatever they are coded with.
func TestMeterIsTrue(t *testing.T) {
	for _, app := range []opus.Application{opus.AppVoIP, opus.AppAudio} {
		for _, bitRate := range []int{12000, 24000, 32000, 64000} {
			for channels := 1; channels <= 2; channels++ {
				for _, ms := range []int{10, 20} {
					t.Run(fmt.Sprint(app, bitRate, channels, ms), func(t *testing.T) {
						compareLevels(t, callEncoder(t, app, 9, bitRate, channels), channels, ms)
					})
				}
			}
		}
	}
}

// compareLevels encodes noise that is louder or lower each half a second, in which an
// encoder takes it for the background again.
func compareLevels(t *testing.T, enc *OpusEncoder, channels, ms int) {
	t.Helper()
	const each = 100
	rng := rand.New(rand.NewPCG(1, 2))
	peak := 0
	packets := encodeOpus(t, enc, 20*each, func(n int) []int16 {
		if n%each == 0 {
			peak = 8 << rng.IntN(7)
		}
		pcm := make([]int16, 48*ms*channels)
		hiss(pcm, peak, rng)
		return pcm
	})
	dec, err := opus.NewDecoder(16000, 1)
	must(t, err)
	pcm := make([]float32, MaxOpusFrame)
	var meter opusframe.Meter
	var above [2][]float64 // what is decoded, of each code
	for n, p := range packets {
		samples, err := dec.DecodeFloat32(p, pcm)
		must(t, err)
		l, told := meter.Read(p)
		if !told || n%each < each/4 {
			continue
		}
		if l.Milliseconds != ms {
			t.Fatalf("packet %d has %d ms", n, l.Milliseconds)
		}
		above[l.Code] = append(above[l.Code], float64(l.Level)-20*math.Log10(rms(pcm[:samples])))
	}
	if all := len(above[0]) + len(above[1]); all < 5*each {
		t.Errorf("%d packets of %d say how loud they are", all, len(packets))
	}
	for code, list := range above {
		if mean, deviation := spread(list); deviation > 2.5 {
			t.Errorf("of code %d %d packets are %.1f dB above what is decoded of them, give or take %.1f", code, len(list), mean, deviation)
		}
	}
}

func BenchmarkMeter(b *testing.B) {
	for kind, app := range map[string]opus.Application{"SILK": opus.AppVoIP, "CELT": opus.AppRestrictedLowdelay} {
		rng := rand.New(rand.NewPCG(1, 2))
		packets := encodeOpus(b, callEncoder(b, app, 3, 32000, 1), 500, func(int) []int16 {
			pcm := make([]int16, 960)
			hiss(pcm, 400, rng)
			return pcm
		})
		b.Run(kind, func(b *testing.B) {
			var meter opusframe.Meter
			for n := 0; b.Loop(); n++ {
				meter.Read(packets[n%len(packets)])
			}
		})
		b.Run(kind+"/decoding", func(b *testing.B) { benchmarkDecoding(b, packets) })
	}
}

// spread returns the mean of numbers, and their standard deviation.
func spread(of []float64) (mean, deviation float64) {
	for _, x := range of {
		mean += x / float64(len(of))
	}
	for _, x := range of {
		deviation += (x - mean) * (x - mean) / float64(len(of))
	}
	return mean, math.Sqrt(deviation)
}
