package callreel_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLongLevelIsKept measures tones and speech before and after, in any codec: RMS
// and loudness stay within half a decibel. Stereo becomes (left + right)/2.
func TestLongLevelIsKept(t *testing.T) {
	t.Parallel()
	said := slices.Concat(
		nothing(settle), sine(1000, -6, 2*time.Second), sine(1000, -20, 2*time.Second), sine(1000, -40, 2*time.Second), speech(t, -26), nothing(time.Second))
	type part struct {
		name         string
		from, length time.Duration
		rms, loud    float64
	}
	parts := []part{
		{name: "-6 dBFS", length: 2 * time.Second},
		{name: "-20 dBFS", from: 2 * time.Second, length: 2 * time.Second},
		{name: "-40 dBFS", from: 4 * time.Second, length: 2 * time.Second},
		{name: "speech", from: 6 * time.Second, length: 10 * time.Second},
	}
	const edge = 100 * time.Millisecond
	for i, p := range parts {
		want := heardAt(t, said, p.from+edge, p.length-2*edge)
		parts[i].rms, parts[i].loud = level(want), measureLoudness(t, want).integrated
	}
	for _, c := range []struct {
		name string
		who  speaker
		gain float64
	}{
		{"Opus", speaker{}, 0},
		{"Opus, stereo, both", speaker{stereo: true, right: 1}, 0},
		{"Opus, stereo, left", speaker{stereo: true, bitRate: 48000}, -6.02},
		{"PCMU", speaker{mime: "audio/PCMU"}, 0},
		{"PCMA", speaker{mime: "audio/PCMA"}, 0},
		{"G722", speaker{mime: "audio/G722"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.who.pcm = said
				got, _ := recordSpeakers(t, 16*time.Second, &c.who)
				for _, p := range parts {
					heard := span(got, p.from+edge, p.length-2*edge)
					rms, loud := level(heard)-p.rms, measureLoudness(t, heard).integrated-p.loud
					t.Logf("%s: RMS %+.2f dB, loudness %+.1f LU", p.name, rms, loud)
					if math.Abs(rms-c.gain) > 0.5 || math.Abs(loud-c.gain) > 0.5 {
						t.Errorf("%s: RMS %+.2f dB, loudness %+.1f LU, want %+.2f", p.name, rms, loud, c.gain)
					}
				}
			})
		})
	}
}

// TestLongNineAtOnce: whatever nine people shout together, nothing clips, also after
// AAC and between samples.
func TestLongNineAtOnce(t *testing.T) {
	for dB, most := range map[float64]float64{-20: -1, -14: -0.5} {
		synctest.Test(t, func(t *testing.T) {
			var crowd []*speaker
			for seed := range uint64(9) {
				crowd = append(crowd, &speaker{pcm: babble(seed, dB, 8*time.Second)})
			}
			got, _ := recordSpeakers(t, 6*time.Second, crowd...)
			l := measureLoudness(t, got)
			t.Logf("nine voices of %.0f dBFS: %.1f dBFS RMS, %+v", dB, level(got), l)
			if l.truePeak > most {
				t.Errorf("true peak %.1f dBFS", l.truePeak)
			}
		})
	}
}

// TestLongSilenceIsDigital: where nothing is received all samples are zero. Where
// silence is, they are what its code stands for: A-law has no zero but +-8, and
// G.722 comes to rest within some steps of it.
func TestLongSilenceIsDigital(t *testing.T) {
	said := slices.Concat(nothing(settle), sine(440, -12, 2*time.Second), nothing(6*time.Second))
	most := map[string]float64{"Opus with DTX": 1, "PCMA silence": 10, "G722 silence": 8}
	for name, who := range map[string]speaker{
		"nobody":        {pcm: nothing(0), from: time.Hour},
		"RTP stops":     {muted: func(at time.Duration) bool { return at > settle+2*time.Second }},
		"Opus silence":  {},
		"Opus with DTX": {dtx: true},
		"PCMU silence":  {mime: "audio/PCMU"},
		"PCMA silence":  {mime: "audio/PCMA"},
		"G722 silence":  {mime: "audio/G722"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if who.pcm == nil {
					who.pcm = said
				}
				got, _ := recordSpeakers(t, 6*time.Second, &who)
				// A codec's filters die away within half a second.
				peak := 0.0
				for _, x := range span(got, 2500*time.Millisecond, 3500*time.Millisecond) {
					peak = max(peak, math.Abs(x))
				}
				t.Logf("peak %.0f of 32768", peak*32768)
				if peak*32768 > most[name] {
					t.Errorf("peak %.0f of 32768", peak*32768)
				}
			})
		})
	}
}

// steps returns the greatest first and second differences of samples, over those
// of a tone of 440 Hz at -12 dBFS.
func steps(pcm []float64) (first, second float64) {
	const w = 2 * math.Pi * 440 / 16000
	for i := 2; i < len(pcm); i++ {
		first = max(first, math.Abs(pcm[i]-pcm[i-1]))
		second = max(second, math.Abs(pcm[i]-2*pcm[i-1]+pcm[i-2]))
	}
	amp := math.Pow(10, -12/20.0)
	return first / (amp * w), second / (amp * w * w)
}

// between loses, of the packets of 20 ms, so many from a position on.
func between(at time.Duration, n int) func(int) bool {
	first := int((settle + at) / (20 * time.Millisecond))
	return func(k int) bool { return k >= first && k < first+n }
}

// TestLongNoClicks looks for jumps in a tone that begins, ends, breaks off and
// changes in every way. A fade over 4 ms keeps the first difference about that of
// the tone, and the second below twice; an edge without a fade has up to 6 and
// 33 times as much.
func TestLongNoClicks(t *testing.T) {
	t.Parallel()
	const length = 4 * time.Second
	mid := settle + 1503*time.Millisecond // in mid-wave, and in mid-packet
	tone := sine(440, -12, settle+length+time.Second)
	for i := range tone { // begins in 10 ms, when the decoder has got going
		tone[i] *= float32(min(1, max(0, (float64(i)/speakerRate-(settle+500*time.Millisecond).Seconds())*100)))
	}
	for name, speakers := range map[string][]*speaker{
		"joins and leaves": {{pcm: tone, mime: "audio/PCMU", from: settle + 703*time.Millisecond, to: mid}},
		"mutes":            {{pcm: tone, muted: func(at time.Duration) bool { return at > mid && at < mid+777*time.Millisecond }}},
		"loses a packet":   {{pcm: tone, lose: between(2*time.Second, 1)}},
		"loses 5":          {{pcm: tone, lose: between(2*time.Second, 5)}},
		"loses 20":         {{pcm: tone, lose: between(2*time.Second, 20)}},
		"loses many":       {{pcm: tone, lose: func(n int) bool { return n%7 == 3 }}},
		"PCMU loses 5":     {{pcm: tone, mime: "audio/PCMU", lose: between(2*time.Second, 5)}},
		"G722 loses 5":     {{pcm: tone, mime: "audio/G722", lose: between(2*time.Second, 5)}},
		"replaces the track": {
			{pcm: tone, to: settle + 1500*time.Millisecond, track: "voice"},
			{pcm: tone, from: settle + 1500*time.Millisecond, mime: "audio/PCMU", track: "voice"},
		},
		"changes the SSRC": {{pcm: tone, ssrc: func(at time.Duration) uint32 { return 1 + uint32(at/mid) }}},
		"steps ahead":      {{pcm: tone, step: func(at time.Duration) time.Duration { return 500 * time.Millisecond * (at / mid) }}},
		"steps back":       {{pcm: tone, step: func(at time.Duration) time.Duration { return -500 * time.Millisecond * (at / mid) }}},
		"stumbles":         {{pcm: tone, step: func(at time.Duration) time.Duration { return -7 * time.Millisecond * (at / mid) }}},
		"packet lengths":   {{pcm: tone, frames: []time.Duration{10 * time.Millisecond, 60 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 2500 * time.Microsecond}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, s := range speakers {
					s.bitRate = 96000 // so that coding itself changes little
				}
				got, _ := recordSpeakers(t, length, speakers...)
				first, second := steps(got)
				t.Logf("differences %.2f and %.2f of the tone's", first, second)
				most := 1.3
				if strings.HasPrefix(name, "steps") {
					most = 2.1 // the end of the old and the beginning of the new overlap
				}
				if first > most || second > 2.5 {
					t.Errorf("a click: differences %.2f and %.2f of the tone's", first, second)
				}
				if l := level(span(got, 2500*time.Millisecond, 500*time.Millisecond)); name != "joins and leaves" && math.Abs(l+15) > 1 {
					t.Errorf("the level afterwards is %.2f dBFS", l)
				}
			})
		})
	}
}

// swing returns between what levels a tone at -12 dBFS is, in windows of about 5 ms, in dB.
func swing(pcm []float64, hertz float64) (least, most float64) {
	n := int(math.Round(math.Round(hertz/200) * 16000 / hertz))
	least, most = math.Inf(1), math.Inf(-1)
	for ; len(pcm) >= n; pcm = pcm[n:] {
		dB := level(pcm[:n]) + 12 + 3.01
		least, most = min(least, dB), max(most, dB)
	}
	return least, most
}

// TestLongNoDips: wherever packets begin with regard to the blocks that are mixed,
// the level stays the same.
func TestLongNoDips(t *testing.T) {
	for _, mime := range []string{"", "audio/PCMU"} {
		for shift := time.Duration(0); shift < 20*time.Millisecond; shift += 5 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				who := &speaker{pcm: sine(1000, -12, 5*time.Second), mime: mime, bitRate: 96000, from: shift}
				got, _ := recordSpeakers(t, 2*time.Second, who)
				// A decoder that starts in mid-stream takes 300 ms to settle.
				if l, h := swing(span(got, 500*time.Millisecond, 1400*time.Millisecond), 1000); l < -0.3 || h > 0.3 {
					t.Errorf("%s, packets %v later: from %+.2f to %+.2f dB", mime, shift, l, h)
				}
			})
		}
	}
}
