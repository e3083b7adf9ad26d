package codec

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// gain returns the level of a 440 Hz tone in pcm at a rate over that of tone.
func gain(pcm []float32, rate float64) float64 {
	var re, im float64
	for i, x := range pcm {
		s, c := math.Sincos(2 * math.Pi * 440 * float64(i) / rate)
		re, im = re+float64(x)*c, im+float64(x)*s
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(pcm))/(12000/32768.0))
}

// toneAt returns n samples of the tone from the k-th on, at a rate.
func toneAt(rate float64, k, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(12000 * math.Sin(2*math.Pi*440*float64(k+i)/rate)))
	}
	return pcm
}

func TestWaveCodecsKeepLevel(t *testing.T) {
	for mime, rate := range map[string]int{"audio/PCMU": 8000, "audio/pcma": 8000, "audio/G722": 16000} {
		frame := rate / 50
		enc, err := NewWaveEncoder(mime, frame)
		if err != nil {
			t.Fatal(err)
		}
		dec, err := NewAudioDecoder(mime)
		if err != nil {
			t.Fatal(err)
		}
		var pcm []float32
		for n := range 50 {
			packet, err := enc.Encode(toneAt(float64(rate), n*frame, frame))
			if err != nil || len(packet) != 160 || enc.SampleRate() != dec.SampleRate() {
				t.Fatalf("%s: %d bytes, %d Hz, %v", mime, len(packet), enc.SampleRate(), err)
			}
			got, err := dec.Decode(packet)
			if err != nil || len(got) != frame {
				t.Fatalf("%s: %d samples, %v", mime, len(got), err)
			}
			pcm = append(pcm, got...)
		}
		if db := gain(pcm[rate/5:], float64(rate)); math.Abs(db) > 0.1 {
			t.Errorf("%s: the level changes by %.2f dB", mime, db)
		}
		enc.Close()
		enc.Close()
		dec.Close()
		if _, err := enc.Encode(make([]int16, frame)); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v after Close", mime, err)
		}
	}
}

func TestWaveEncoderIsChecked(t *testing.T) {
	if _, err := NewWaveEncoder("audio/opus", 160); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	for _, frame := range []int{0, -2, 161, 1 << 20} {
		if _, err := NewWaveEncoder("audio/PCMU", frame); err == nil {
			t.Errorf("%d samples are accepted", frame)
		}
	}
	enc, err := NewWaveEncoder("audio/PCMU", 160)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	if _, err := enc.Encode(make([]int16, 159)); err == nil {
		t.Error("a short frame is accepted")
	}
}

// opusPackets encodes frames of 20 ms.
func opusPackets(t *testing.T, channels, bitRate, frames int, frame func(n int) []int16) (packets [][]byte) {
	t.Helper()
	enc, err := NewOpusEncoder(channels, bitRate, false)
	if err != nil {
		t.Fatal(err)
	}
	return encodeOpus(t, enc, frames, frame)
}

// encodeOpus encodes frames.
func encodeOpus(t testing.TB, enc *OpusEncoder, frames int, frame func(n int) []int16) (packets [][]byte) {
	t.Helper()
	for n := range frames {
		packet, err := enc.Encode(frame(n))
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet)
	}
	return packets
}

// opusDecode decodes packets; instead of the lost ones comes what was made up.
func opusDecode(t *testing.T, packets [][]byte, lost ...int) (pcm []float32) {
	t.Helper()
	dec, err := NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	for n, packet := range packets {
		var got []float32
		switch {
		case !slices.Contains(lost, n):
			got, err = dec.Decode(packet)
		case slices.Contains(lost, n+1):
			got, err = dec.Conceal(320, nil)
		default:
			got, err = dec.Conceal(320, packets[n+1])
		}
		if err != nil || len(got) != 320 {
			t.Fatalf("packet %d: %d samples, %v", n, len(got), err)
		}
		pcm = append(pcm, got...)
	}
	return pcm
}

// TestOpusDownmix: mono is the mean of left and right.
func TestOpusDownmix(t *testing.T) {
	for _, c := range []struct {
		left, right int16
		want        float64 // dB
	}{{1, 1, 0}, {1, 0, -6.02}, {0, 1, -6.02}} {
		for _, bitRate := range []int{32000, 96000} { // with and without SILK
			pcm := opusDecode(t, opusPackets(t, 2, bitRate, 50, func(n int) (stereo []int16) {
				for _, x := range toneAt(48000, n*960, 960) {
					stereo = append(stereo, x*c.left, x*c.right)
				}
				return stereo
			}))
			if db := gain(pcm[8000:], 16000); math.Abs(db-c.want) > 0.3 {
				t.Errorf("left %d, right %d at %d bit/s: %.2f dB, want %.2f", c.left, c.right, bitRate, db, c.want)
			}
		}
	}
}

// vowel returns a frame of harmonics of 140 Hz, which is what concealment is made for.
func vowel(n int) []int16 {
	pcm := make([]int16, 960)
	for i := range pcm {
		at, x := float64(n*960+i)/48000, 0.0
		for k := 1.0; k < 12; k++ {
			x += math.Sin(2*math.Pi*140*k*at+k*k) / k
		}
		pcm[i] = int16(6000 * x)
	}
	return pcm
}

// TestOpusConcealment: a steady voice fades over a loss of two packets, but is
// not cut off, and the last lost packet comes from the redundancy of the next
// one, as something that began in the loss shows.
func TestOpusConcealment(t *testing.T) {
	level := func(pcm []float32, n int) float64 { return 20 * math.Log10(rms(pcm[n*320:][:320])) }
	pcm := opusDecode(t, opusPackets(t, 1, 32000, 40, vowel), 25, 26)
	for n := 25; n < 30; n++ {
		if db := level(pcm, n) - level(pcm, 24); db < -20 || db > 2 {
			t.Errorf("packet %d of a steady voice has %.1f dB", n, db)
		}
	}
	pcm = opusDecode(t, opusPackets(t, 1, 32000, 40, func(n int) []int16 {
		if n < 30 {
			return make([]int16, 960)
		}
		return vowel(n)
	}), 31, 32)
	if db := level(pcm, 32) - level(pcm, 38); db < -12 {
		t.Errorf("what began in a loss has %.1f dB in its last packet", db)
	}
}
