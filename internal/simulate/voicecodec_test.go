package simulate_test

import (
	"math"
	"testing"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/simulate"
)

// TestAudioCodecs: all are negotiated and received over WebRTC, and the beep is
// in what is decoded.
func TestAudioCodecs(t *testing.T) {
	t.Parallel()
	for name, mime := range map[string]string{"opus": "audio/opus", "pcmu": "audio/PCMU", "pcma": "audio/PCMA", "G722": "audio/G722"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCall(t)
			leave := run(t, newParticipant(t, c, simulate.Config{ID: "ann", Audio: name, Tone: 1200}))
			const second = 50 // packets
			c.wait(t, "a second of sound", func() bool {
				in := c.find("ann", mime, "")
				return in != nil && len(in.units) > second+5 && len(in.reports) > 0
			})
			if err := leave(); err != nil {
				t.Error(err)
			}
			dec, err := codec.NewAudioDecoder(mime)
			if err != nil {
				t.Fatal(err)
			}
			defer dec.Close()
			in, loudest := c.find("ann", mime, ""), 0.0
			for _, u := range in.units {
				pcm, err := dec.Decode(u.Data)
				if err != nil || len(pcm) != dec.SampleRate()/50 {
					t.Fatalf("%d samples, %v", len(pcm), err)
				}
				loudest = max(loudest, toneLevel(pcm, 1200, float64(dec.SampleRate())))
			}
			if clock := uint32(in.units[1].RTP - in.units[0].RTP); clock*50 != in.info.ClockRate {
				t.Errorf("packets are %d apart at %d Hz", clock, in.info.ClockRate)
			}
			if math.Abs(loudest-0.2) > 0.02 {
				t.Errorf("a beep of %.3f", loudest)
			}
		})
	}
}

// toneLevel returns the amplitude of a tone.
func toneLevel(pcm []float32, hertz, rate float64) float64 {
	var re, im float64
	for i, x := range pcm {
		s, c := math.Sincos(2 * math.Pi * hertz * float64(i) / rate)
		re, im = re+float64(x)*c, im+float64(x)*s
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}
