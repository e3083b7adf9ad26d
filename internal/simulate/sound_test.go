package simulate

import (
	"math"
	"slices"
	"testing"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
)

// power returns how much of a frequency is in samples (Goertzel), as amplitude.
func power[T int16 | float32](pcm []T, hz, rate float64) float64 {
	var re, im float64
	for i, v := range pcm {
		a := 2 * math.Pi * hz * float64(i) / rate
		re += float64(v) * math.Cos(a)
		im += float64(v) * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}

func TestBeep(t *testing.T) {
	for _, speech := range []bool{false, true} {
		cfg := Config{Index: 5, Speech: speech}
		cfg.setDefaults()
		pcm := make([]int16, 2*timebase.Second)
		newSound(cfg).fill(pcm, 7*timebase.Second)
		beep := pcm[timebase.Second:][:flashTicks]
		own := power(beep, float64(cfg.Tone), timebase.Second) / math.MaxInt16
		next := power(beep, float64(ToneOf(6)), timebase.Second) / math.MaxInt16
		if math.Abs(own-beepLevel) > 0.01 || next > 0.01 {
			t.Errorf("beep level %.3f, that of the next participant %.3f", own, next)
		}
		loudest := slices.Max(pcm[flashTicks:timebase.Second])
		if !speech && loudest != 0 || speech && float64(loudest) < 0.05*math.MaxInt16 {
			t.Errorf("speech %v: %d between beeps", speech, loudest)
		}
		if v := slices.Max(pcm[flashTicks:syllable]); v != 0 {
			t.Errorf("%d right after the beep", v)
		}
	}
}

// TestSoundIsOneStream: it does not matter in which portions samples are made.
func TestSoundIsOneStream(t *testing.T) {
	cfg := Config{Speech: true}
	cfg.setDefaults()
	s := newSound(cfg)
	whole := make([]int16, 2*timebase.Second)
	s.fill(whole, 0)
	parts := make([]int16, len(whole))
	for at, n := 0, 1; at < len(parts); at, n = at+n, n*7%1013 {
		n = min(n, len(parts)-at)
		s.fill(parts[at:at+n], timebase.Ticks(at))
	}
	if !slices.Equal(whole, parts) {
		t.Error("portions differ")
	}
}

// TestAudioDelay: what is decoded from a packet begins at the packet's time.
func TestAudioDelay(t *testing.T) {
	for _, c := range audioCodecs() {
		p, err := New(Config{Endpoint: "http://localhost/", Audio: c.name})
		if err != nil {
			t.Fatal(err)
		}
		m, err := newMicrophone(p)
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		dec, err := codec.NewAudioDecoder(c.mime)
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		var pcm []float32
		for at := timebase.Ticks(0); at < 3*timebase.Second; at += audioFrame {
			m.sound.fill(m.pcm, at+m.ahead)
			packet, err := m.enc.Encode(m.pcm)
			if err != nil {
				t.Fatal(err)
			}
			got, err := dec.Decode(packet)
			if err != nil {
				t.Fatal(err)
			}
			pcm = append(pcm, got...)
		}
		ms := dec.SampleRate() / 1000
		on, off := beepEdges(pcm[500*ms:], ms)
		// The ramps make it look shorter, by as much at both ends.
		if onset, end := on-500*ms, off-600*ms; onset+end > ms/2 || onset+end < -ms/2 {
			t.Errorf("%s: the beep begins %d and ends %d samples late, at %d kHz", c.name, onset, end, ms)
		}
	}
}

// beepEdges returns where the first beep begins and ends: where the level
// crosses half of the highest, over a moving window of a millisecond.
func beepEdges(pcm []float32, window int) (on, off int) {
	levels := make([]float64, len(pcm)-window)
	highest := 0.0
	for i := range levels {
		sum := 0.0
		for _, v := range pcm[i : i+window] {
			sum += float64(v) * float64(v)
		}
		levels[i] = math.Sqrt(sum / float64(window))
		highest = max(highest, levels[i])
	}
	on = slices.IndexFunc(levels, func(v float64) bool { return v > highest/2 })
	off = on
	for i := on; i < min(len(levels), on+200*window); i++ {
		if levels[i] > highest/2 {
			off = i
		}
	}
	return on + window/2, off + window/2
}

// TestDTX: during silence hardly any packets are sent.
func TestDTX(t *testing.T) {
	for _, dtx := range []bool{false, true} {
		p, err := New(Config{Endpoint: "http://localhost/", Audio: "opus", DTX: dtx})
		if err != nil {
			t.Fatal(err)
		}
		m, err := newMicrophone(p)
		if err != nil {
			t.Fatal(err)
		}
		const frames = 200
		for i := range timebase.Ticks(frames) {
			if err := m.send(i * audioFrame); err != nil {
				t.Fatal(err)
			}
		}
		sent := p.Stats().AudioPackets
		if !dtx && sent != frames || dtx && (sent < 20 || sent > frames*3/4) {
			t.Errorf("DTX %v: %d of %d packets sent", dtx, sent, frames)
		}
	}
}
