package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hraban/opus"
)

// callEncoder returns an encoder with the settings that browsers choose.
func callEncoder(t *testing.T, app opus.Application, complexity, bitRate, channels int) *OpusEncoder {
	t.Helper()
	enc, err := opus.NewEncoder(48000, channels, app)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		enc.SetBitrate(bitRate), enc.SetComplexity(complexity), enc.SetInBandFEC(true), enc.SetPacketLossPerc(5),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &OpusEncoder{enc: enc, buf: make([]byte, 1275)}
}

// talk encodes so many frames of 20 ms, of which each fifth hundred is speech and
// the others are muted; at the end comes speech.
func talk(t *testing.T, enc *OpusEncoder, channels, frames int) (packets [][]byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	return encodeOpus(t, enc, frames, func(n int) []int16 {
		mono, pcm := make([]int16, 960), make([]int16, 960*channels)
		if n%500 < 100 {
			speechlike(mono, n*960, rng)
		}
		for i, x := range mono {
			for c := range channels {
				pcm[i*channels+c] = x
			}
		}
		return pcm
	})
}

// TestSilenceIsNotDecoded: of somebody who is muted for eight seconds between
// speech next to nothing is decoded, and what is heard before and afterwards is what
// it is if all is decoded.
func TestSilenceIsNotDecoded(t *testing.T) {
	for _, app := range []opus.Application{opus.AppVoIP, opus.AppAudio} {
		for _, complexity := range []int{3, 9} {
			for _, bitRate := range []int{24000, 32000, 64000} {
				for channels := 1; channels <= 2; channels++ {
					t.Run(fmt.Sprint(app, complexity, bitRate, channels), func(t *testing.T) {
						packets := talk(t, callEncoder(t, app, complexity, bitRate, channels), channels, 1100)
						compareDecoders(t, packets)
					})
				}
			}
		}
	}
}

func compareDecoders(t *testing.T, packets [][]byte) {
	spare, err := NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	full, err := opus.NewDecoder(16000, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, MaxOpusFrame)
	skipped := 0
	var signal, noise, worst float64
	for _, p := range packets {
		if spare.silence.length(p) > 0 {
			skipped++
		}
		got, err := spare.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		n, err := full.DecodeFloat32(p, want)
		if err != nil || n != len(got) {
			t.Fatal(err, n, len(got))
		}
		for i, x := range want[:n] {
			d := float64(got[i] - x)
			signal, noise, worst = signal+float64(x)*float64(x), noise+d*d, max(worst, math.Abs(d))
		}
	}
	if snr := 10 * math.Log10(signal/max(noise, 1e-12)); snr < 60 || worst > 0.002 {
		t.Errorf("differs by %.1f dB of what is heard, and by %.5f at most", snr, worst)
	}
	if skipped < 500 {
		t.Errorf("%d packets of 800 that are silent were not decoded", skipped)
	}
}

// TestWhatIsNotSilenceIsDecoded: noise is decoded however low, and so are a packet
// of sound that comes again and again, what comes after a loss until the decoder has
// come to rest, and DTX.
func TestWhatIsNotSilenceIsDecoded(t *testing.T) {
	dec, err := NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	enc := callEncoder(t, opus.AppVoIP, 9, 32000, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	next := func(peak int) []byte {
		pcm := make([]int16, 960)
		for i := range pcm {
			pcm[i] = int16(rng.IntN(2*peak+1) - peak)
		}
		packet, err := enc.Encode(pcm)
		if err != nil {
			t.Fatal(err)
		}
		return packet
	}
	play := func(packet []byte) (skipped bool) {
		skipped = dec.silence.length(packet) > 0
		if _, err := dec.Decode(packet); err != nil {
			t.Fatal(err)
		}
		return skipped
	}
	settle := func() {
		for range 300 {
			if play(next(0)) {
				return
			}
		}
		t.Fatal("silence is decoded for ever")
	}
	settle()
	for range 50 {
		if play(next(8)) {
			t.Fatal("noise is not decoded")
		}
	}
	hum := next(8000)
	for range 50 {
		if play(hum) {
			t.Fatal("what is loud is not decoded where it comes again and again")
		}
	}
	settle()
	if _, err := dec.Conceal(320, nil); err != nil {
		t.Fatal(err)
	}
	for n := range silentFor {
		if play(next(0)) {
			t.Fatalf("packet %d after a loss is not decoded", n)
		}
	}
	settle()
	for n := range 3 {
		packet := next(0)
		if n < 2 {
			packet = packet[:1] // DTX
		}
		if play(packet) {
			t.Errorf("packet %d of DTX, or after it, is not decoded", n)
		}
	}
}

func TestSilenceAllocatesNothing(t *testing.T) {
	packets := talk(t, callEncoder(t, opus.AppVoIP, 3, 64000, 1), 1, 1000)
	dec, err := NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	all := func() {
		for _, p := range packets {
			if _, err := dec.Decode(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	all()
	if n := testing.AllocsPerRun(3, all); n > 8 {
		t.Errorf("%v allocations for %d packets", n, len(packets))
	}
}
