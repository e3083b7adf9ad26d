package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hraban/opus"

	"github.com/callreel/callreel/internal/opusframe"
)

// TestNothingIsLostBelow8kHz decodes what encoders make of speech, music and noise
// whole and without its part above 8 kHz.
func TestNothingIsLostBelow8kHz(t *testing.T) {
	for _, app := range []opus.Application{opus.AppVoIP, opus.AppAudio} {
		for _, bitRate := range []int{16000, 24000, 32000, 48000, 64000} {
			for channels := 1; channels <= 2; channels++ {
				for _, ms := range []int{10, 20, 40} {
					t.Run(fmt.Sprint(app, bitRate, channels, ms), func(t *testing.T) {
						packets := mixture(t, callEncoder(t, app, 5, bitRate, channels), channels, 48*ms, 6000/ms)
						hybrid, cut := compareLow(t, packets)
						t.Logf("%d of hybrid mode, %d cut", hybrid, cut)
						if cut < hybrid*95/100 {
							t.Errorf("%d packets of hybrid mode, of which %d could be cut", hybrid, cut)
						}
					})
				}
			}
		}
	}
}

// TestModesChange goes from SILK alone to hybrid mode, to CELT alone and back, with
// losses at some of the changes.
func TestModesChange(t *testing.T) {
	for channels := 1; channels <= 2; channels++ {
		enc := callEncoder(t, opus.AppAudio, 5, 32000, channels)
		rng := rand.New(rand.NewPCG(1, 2))
		packets := encodeOpus(t, enc, 1200, func(n int) []int16 {
			if n%20 == 0 {
				must(t, enc.enc.SetBitrate([]int{12000, 32000, 96000, 32000, 96000, 12000}[n/20%6]))
			}
			pcm := make([]int16, 960*channels)
			speechlike(pcm, n*len(pcm), rng)
			return pcm
		})
		modes := make(map[byte]int)
		for n, p := range packets {
			if n/20%5 == 4 && n%20 < 2 {
				packets[n] = nil // lost
			} else {
				modes[p[0]>>5]++
			}
		}
		hybrid, cut := compareLow(t, packets)
		t.Logf("first three bits %v, %d of hybrid mode, %d cut", modes, hybrid, cut)
		if len(modes) < 3 || cut < hybrid*9/10 {
			t.Errorf("first three bits %v, %d of hybrid mode, %d cut", modes, hybrid, cut)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mixture encodes a second of each: speech, silence, low and loud noise, different
// channels, tones.
func mixture(t *testing.T, enc *OpusEncoder, channels, samples, frames int) (packets [][]byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	return encodeOpus(t, enc, frames, func(n int) []int16 {
		pcm := make([]int16, samples*channels)
		switch 6 * n / frames {
		case 0, 5:
			speechlike(pcm, n*len(pcm), rng)
		case 1:
			hiss(pcm, 30, rng)
		case 2:
			hiss(pcm, 12000, rng)
		case 3:
			copy(pcm, tone(440, n*len(pcm), len(pcm)))
		}
		return pcm
	})
}

// compareLow decodes packets with and without their part above 8 kHz; what is lost
// is concealed.
func compareLow(t *testing.T, packets [][]byte) (hybrid, cut int) {
	t.Helper()
	whole, err := opus.NewDecoder(16000, 1)
	must(t, err)
	low, err := opus.NewDecoder(16000, 1)
	must(t, err)
	want, got := make([]float32, MaxOpusFrame), make([]float32, MaxOpusFrame)
	for i, p := range packets {
		if len(p) > 0 && p[0]&0xe0 == 0x60 && p[0]&3 == 0 {
			hybrid++
		}
		rest, ok := opusframe.Wideband(nil, p)
		if ok {
			cut++
		} else {
			rest = p
		}
		n, err := decodeOrConceal(whole, p, want)
		k, err2 := decodeOrConceal(low, rest, got)
		if n != k || (err == nil) != (err2 == nil) || !same(want[:n], got[:k]) {
			t.Fatalf("packet %d, %x, is decoded to other sound: %d and %d samples, %v, %v", i, p, n, k, err, err2)
		}
	}
	return hybrid, cut
}

func decodeOrConceal(dec *opus.Decoder, packet []byte, pcm []float32) (n int, err error) {
	const lost = 320
	if packet == nil {
		return lost, dec.DecodePLCFloat32(pcm[:lost:lost])
	}
	n, err = dec.DecodeFloat32(packet, pcm)
	return max(n, 0), err
}

// same reports whether two signals differ by nothing but what libopus adds to
// CELT so as to have no denormal numbers.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-30 })
}

// FuzzWideband: what is left of any packet is decoded to what the whole is, and how
// loud it is is a number.
func FuzzWideband(f *testing.F) {
	for channels := 1; channels <= 2; channels++ {
		for _, samples := range []int{480, 960} {
			enc, err := NewOpusEncoder(channels, 32000, false)
			if err != nil {
				f.Fatal(err)
			}
			pcm := make([]int16, samples*channels)
			rng := rand.New(rand.NewPCG(1, 2))
			for n := range 40 {
				if speechlike(pcm, n*samples, rng); n < 20 {
					clear(pcm)
				}
				p, err := enc.Encode(pcm)
				if err != nil {
					f.Fatal(err)
				}
				if n%10 == 9 {
					f.Add(p, pcm[0] > 0)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, packet []byte, twice bool) {
		packets := [][]byte{packet}
		if twice {
			packets = append(packets, packet)
		}
		compareLow(t, packets)
		var meter opusframe.Meter
		for _, p := range packets {
			if l, ok := meter.Read(p); ok && (math.IsNaN(float64(l.Level)) || l.Milliseconds != 10 && l.Milliseconds != 20) {
				t.Errorf("%+v", l)
			}
		}
	})
}

func BenchmarkOpus(b *testing.B) {
	for _, channels := range []int{1, 2} {
		enc, err := NewOpusEncoder(channels, 32000, false)
		if err != nil {
			b.Fatal(err)
		}
		pcm := make([]int16, 960*channels)
		rng := rand.New(rand.NewPCG(1, 2))
		packets := encodeOpus(b, enc, 500, func(n int) []int16 {
			speechlike(pcm, n*960, rng)
			return pcm
		})
		b.Run(fmt.Sprintf("%x", packets[10][0]), func(b *testing.B) { benchmarkDecoding(b, packets) })
		b.Run(fmt.Sprintf("%x/cutting", packets[10][0]), func(b *testing.B) {
			var low []byte
			for n := 0; b.Loop(); n++ {
				low, _ = opusframe.Wideband(low[:0], packets[n%len(packets)])
			}
		})
	}
}

func benchmarkDecoding(b *testing.B, packets [][]byte) {
	dec, err := NewOpusDecoder()
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		if _, err := dec.Decode(packets[n%len(packets)]); err != nil {
			b.Fatal(err)
		}
	}
}
