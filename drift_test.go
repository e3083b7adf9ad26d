package callreel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pitches returns by how many parts per million a tone is off its frequency in
// each second: from the phase at its beginning to that at its end.
func pitches(pcm []float64, hertz float64) (ppm []float64) {
	const window = 1600
	phase := func(from int) float64 {
		var re, im float64
		for i := from; i < from+window; i++ {
			s, c := math.Sincos(2 * math.Pi * hertz * float64(i) / 16000)
			hann := math.Pow(math.Sin(math.Pi*float64(i-from)/window), 2)
			re, im = re+hann*pcm[i]*c, im-hann*pcm[i]*s
		}
		return math.Atan2(im, re)
	}
	for at := 0; at+16000+window <= len(pcm); at += 16000 {
		turn := math.Remainder(phase(at+16000)-phase(at), 2*math.Pi)
		ppm = append(ppm, turn/(2*math.Pi)/hertz*1e6)
	}
	return ppm
}

func furthest(ppm []float64) float64 { return max(slices.Max(ppm), -slices.Min(ppm)) }

// TestLongPitchIsSteady: tones from senders whose clocks are right, fast or slow, on
// good and bad links, keep their pitch to 0.03 %. Until the clock is known, which
// takes up to a minute, it may be off by 0.15 %, half of what can be heard.
func TestLongPitchIsSteady(t *testing.T) {
	t.Parallel()
	const length = 75 * time.Second
	for name, c := range map[string]struct {
		ppm           int64
		link          func() link
		first, within float64 // parts per million
	}{
		"right":         {0, nil, 2, 2},
		"fast":          {200, nil, 210, 50},
		"slow":          {-200, nil, 1500, 150},
		"right, bursts": {0, func() link { return stopping(20*time.Millisecond, 200*time.Millisecond) }, 2, 2},
		"fast, jitter":  {200, func() link { return jittery(20*time.Millisecond, 300*time.Millisecond) }, 1500, 300},
		"right, jitter": {0, func() link { return jittery(20*time.Millisecond, 300*time.Millisecond) }, 1500, 300},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const hertz = 440
				who := &speaker{pcm: sine(hertz, -12, settle+length+time.Second), mime: "audio/G722", ppm: c.ppm}
				if c.link != nil {
					who.link = c.link()
				}
				got, _ := recordSpeakers(t, length, who)
				got = got[1600 : len(got)-1600]
				first, second := steps(got)
				off := pitches(got, hertz*(1+float64(c.ppm)/1e6))
				begin, rest := furthest(off[:60]), furthest(off[60:])
				t.Logf("off by %.0f ppm, later by %.0f, differences %.2f and %.2f", begin, rest, first, second)
				if begin > c.first || rest > c.within {
					t.Errorf("the pitch is off by %.0f ppm, later by %.0f", begin, rest)
				}
				if first > 1.1 || second > 1.5 {
					t.Errorf("not continuous: differences %.2f and %.2f of the tone's", first, second)
				}
			})
		})
	}
}

// TestLongSlowerPath: the way of a sender's packets becomes 200 ms longer for good.
// Its voice follows, slowed down a little, and nothing is cut out of it.
func TestLongSlowerPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		who := &speaker{pcm: sine(440, -12, 60*time.Second), mime: "audio/G722", link: func(now time.Time, _ *rand.Rand) time.Duration {
			if now.Sub(start) < 5*time.Second {
				return 20 * time.Millisecond
			}
			return 220 * time.Millisecond
		}}
		got, _ := recordSpeakers(t, 50*time.Second, who)
		got = got[1600 : len(got)-1600]
		if first, second := steps(got); first > 1.1 || second > 1.5 {
			t.Errorf("not continuous: differences %.2f and %.2f of the tone's", first, second)
		}
		if l, h := swing(got, 440); l < -1 || h > 0.5 {
			t.Errorf("the level goes from %+.2f to %+.2f dB", l, h)
		}
	})
}
