package callreel_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// toneLevel returns the level of a tone in dBFS, as its peak.
func toneLevel(pcm []float64, hertz float64) float64 {
	var re, im float64
	for i, x := range pcm {
		s, c := math.Sincos(2 * math.Pi * hertz * float64(i) / 16000)
		hann := 1 - math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))
		re, im = re+hann*x*c, im+hann*x*s
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(pcm))+1e-9)
}

// TestPauseCutsWithinPackets: a person says something else from the instant of
// the pause to that of resuming. Nothing of it is in the file, though it shares
// packets with what is, and the seam does not click.
func TestPauseCutsWithinPackets(t *testing.T) {
	const before, pause, after = 2003 * time.Millisecond, 1509 * time.Millisecond, 1988 * time.Millisecond
	said := slices.Concat(sine(440, -12, settle+before), sine(2600, -12, pause), sine(440, -12, after+time.Second))
	for name, who := range map[string]speaker{
		"PCMU": {mime: "audio/PCMU"}, "G722": {mime: "audio/G722"},
		"Opus": {bitRate: 96000, frames: []time.Duration{60 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				who.pcm = said
				d := discuss(t, &who)
				time.Sleep(settle)
				rec := d.start(soundConfig())
				time.Sleep(before)
				paused := rec.Pause(t.Context())
				time.Sleep(pause)
				if err := errors.Join(paused, rec.Resume(t.Context())); err != nil {
					t.Fatal(err)
				}
				time.Sleep(after)
				res := d.stop(rec)
				d.leave()
				got := decodeSound(t, d.file(res.Chunks[0]))
				secret := math.Inf(-1)
				for at := 1900 * time.Millisecond; at < 2200*time.Millisecond; at += 5 * time.Millisecond {
					secret = max(secret, toneLevel(span(got, at, 10*time.Millisecond), 2600))
				}
				first, second := steps(span(got, 100*time.Millisecond, 3500*time.Millisecond))
				t.Logf("the secret has %.0f dBFS, differences %.2f and %.2f of the tone's", secret, first, second)
				if secret > -58 || first > 1.1 || second > 2.5 {
					t.Errorf("the secret has %.0f dBFS, differences %.2f and %.2f of the tone's", secret, first, second)
				}
				if l := level(span(got, 2200*time.Millisecond, time.Second)); math.Abs(l+15) > 0.5 {
					t.Errorf("%.1f dBFS after the pause", l)
				}
			})
		})
	}
}

// heardTrack returns what is reported of the only track.
func heardTrack(res callreel.Result) (r callreel.TrackReport) {
	for t := range res.Report.Tracks() {
		r = t
	}
	return r
}

// correlation returns how alike two recordings are, 1 if the same but for the
// level, and by how many samples the second is later.
func correlation(a, b []float64) (best float64, lag int) {
	const reach = 30 // less than a period of 440 Hz
	at := func(lag int) float64 {
		var ab, aa, bb float64
		for i := reach; i < len(a)-reach; i++ {
			x, y := a[i], b[i+lag]
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		return ab / math.Sqrt(aa*bb)
	}
	for l := -reach; l <= reach; l++ {
		if c := at(l); c > best {
			best, lag = c, l
		}
	}
	return best, lag
}

// TestSpeechSurvivesLoss compares speech with and without loss: it is much alike,
// and what comes later is where it was.
func TestSpeechSurvivesLoss(t *testing.T) {
	t.Parallel()
	said := slices.Concat(nothing(settle), speech(t, -20), nothing(time.Second))
	record := func(lose func(int) bool) (pcm []float64, s callreel.TrackReport) {
		synctest.Test(t, func(t *testing.T) {
			var res callreel.Result
			pcm, res = recordSpeakers(t, 10*time.Second, &speaker{pcm: said, lose: lose})
			s = heardTrack(res)
		})
		return pcm, s
	}
	clean, _ := record(nil)
	for _, c := range []struct{ loss, alike float64 }{{0.05, 0.95}, {0.1, 0.9}} {
		rng := rand.New(rand.NewPCG(1, 1))
		got, s := record(func(int) bool { return rng.Float64() < c.loss })
		alike, lag := correlation(clean, got)
		_, end := correlation(span(clean, 7*time.Second, 3*time.Second), span(got, 7*time.Second, 3*time.Second))
		t.Logf("%.0f %% loss: %d lost, %v recovered, %v concealed, correlation %.3f, %d samples later, %d at the end",
			100*c.loss, s.Layers[0].Lost, s.Sound.Recovered, s.Sound.Concealed.Total, alike, lag, end)
		if alike < c.alike || max(lag, -lag, end, -end) > 16 || s.Sound.Recovered == 0 {
			t.Errorf("%.0f %% loss: correlation %.3f, %d samples later, %d at the end", 100*c.loss, alike, lag, end)
		}
	}
}

// TestLongCodecsAreInStep: what people say at the same time with different codecs is
// at the same place, to a millisecond.
func TestLongCodecsAreInStep(t *testing.T) {
	t.Parallel()
	said := slices.Concat(nothing(settle), speech(t, -20))
	record := func(who speaker) (pcm []float64) {
		synctest.Test(t, func(t *testing.T) {
			who.pcm = said
			pcm, _ = recordSpeakers(t, 4*time.Second, &who)
		})
		return pcm
	}
	opus := record(speaker{bitRate: 64000})
	for _, who := range []speaker{
		{mime: "audio/PCMU"},
		{mime: "audio/PCMA"},
		{mime: "audio/G722"},
		{dtx: true},
		{frames: []time.Duration{10 * time.Millisecond}},
		{frames: []time.Duration{60 * time.Millisecond}},
		{frames: []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 120 * time.Millisecond, 10 * time.Millisecond}},
	} {
		alike, lag := correlation(opus, record(who))
		t.Logf("%q %v, DTX %v: correlation %.3f, %d samples later", who.mime, who.frames, who.dtx, alike, lag)
		if alike < 0.9 || lag < -16 || lag > 16 {
			t.Errorf("%q %v, DTX %v: correlation %.3f, %d samples later", who.mime, who.frames, who.dtx, alike, lag)
		}
	}
}

// TestBogusPackets: what can't be decoded is counted, and not louder than what can.
func TestBogusPackets(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	garbage := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	for name, bogus := range map[string]func(packet []byte) []byte{
		"empty":    func([]byte) []byte { return nil },
		"one byte": func(p []byte) []byte { return p[:1] },
		"cut off":  func(p []byte) []byte { return p[:len(p)/2] },
		"too long": func([]byte) []byte { return garbage(4000) },
	} {
		for _, mime := range []string{"", "audio/PCMU"} {
			t.Run(fmt.Sprintf("%s %s", name, mime), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					who := &speaker{pcm: sine(440, -12, 6*time.Second), mime: mime, bitRate: 96000, payload: func(n int, packet []byte) []byte {
						if n > 125 && n%10 < 2 {
							return bogus(packet)
						}
						return packet
					}}
					got, res := recordSpeakers(t, 3*time.Second, who)
					s := heardTrack(res)
					peak := slices.Max(span(got, 500*time.Millisecond, 2500*time.Millisecond))
					t.Logf("peak %.2f, %d decoded, %d errors", peak, s.Decoded, s.DecodeErrors)
					if peak > 0.5 || s.Decoded < 120 || name == "too long" && s.DecodeErrors == 0 {
						t.Errorf("peak %.2f, %+v", peak, s)
					}
					if l := level(span(got, 500*time.Millisecond, 400*time.Millisecond)); math.Abs(l+15) > 0.5 {
						t.Errorf("%.1f dBFS before", l)
					}
				})
			})
		}
	}
}

// TestLongDTX: a sender says nothing of silence but a packet each 400 ms. What is said
// between is where it was said, nothing is made up for packets that were never
// sent, and no edge clicks.
func TestLongDTX(t *testing.T) {
	t.Parallel()
	said := nothing(settle)
	for range 6 {
		said = slices.Concat(said, faded(sine(440, -12, 700*time.Millisecond)), nothing(1300*time.Millisecond))
	}
	synctest.Test(t, func(t *testing.T) {
		got, res := recordSpeakers(t, 12*time.Second, &speaker{pcm: said, dtx: true, bitRate: 64000})
		s := heardTrack(res)
		if l := s.Layers[0]; l.Lost != 0 || s.Sound.Concealed.Total != 0 || s.Sound.Missing.Total != 0 || l.Packets > 500 {
			t.Errorf("%+v", s)
		}
		first, second := steps(got)
		t.Logf("%d packets, differences %.2f and %.2f", s.Layers[0].Packets, first, second)
		if first > 2 || second > 3 { // an edge without a fade has 5 and 30
			t.Errorf("differences %.2f and %.2f of the tone's", first, second)
		}
		for n := range 6 {
			from := time.Duration(n) * 2 * time.Second
			want := heardAt(t, said, from, time.Second)
			alike, lag := correlation(want, span(got, from, time.Second))
			quiet := level(span(got, from+1200*time.Millisecond, 700*time.Millisecond))
			t.Logf("spurt %d: correlation %.3f, %d samples later, then %.0f dBFS", n, alike, lag, quiet)
			if alike < 0.98 || lag < -16 || lag > 16 || quiet > -70 {
				t.Errorf("spurt %d: correlation %.3f, %d samples later, then %.0f dBFS", n, alike, lag, quiet)
			}
		}
	})
}

// faded begins and ends samples within 10 ms.
func faded(pcm []float32) []float32 {
	for i := range pcm {
		pcm[i] *= float32(min(1, float64(min(i, len(pcm)-i))/480))
	}
	return pcm
}

// TestSoundUpToTheEnd: what is said last is in the file also where the end is
// within a frame.
func TestSoundUpToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, _ := recordSpeakers(t, 2110*time.Millisecond, &speaker{mime: "audio/PCMU", pcm: sine(440, -12, settle+3*time.Second)})
		if l := level(span(got, 2015*time.Millisecond, 80*time.Millisecond)); math.Abs(l+15) > 0.5 {
			t.Errorf("%.1f dBFS before the end", l)
		}
	})
}
