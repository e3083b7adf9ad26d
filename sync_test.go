package callreel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// steady is a link that delays everything alike.
func steady(d time.Duration) link {
	return func(time.Time, *rand.Rand) time.Duration { return d }
}

// jittery adds up to spread, so that packets overtake each other.
func jittery(least, spread time.Duration) link {
	return func(_ time.Time, rng *rand.Rand) time.Duration {
		return least + time.Duration(rng.Int64N(int64(spread)))
	}
}

// stopping holds everything back for a while every two seconds.
func stopping(least, hold time.Duration) link {
	start := time.Now()
	return func(now time.Time, _ *rand.Rand) time.Duration {
		since := now.Sub(start) % (2 * time.Second)
		return least + max(0, hold-since)
	}
}

// offsets are means, and the 95th percentile of the deviation from the mean, in seconds.
type offsets struct{ mean, p95 float64 }

func measure(got, want []float64) (o offsets) {
	var d []float64
	for _, w := range want {
		for _, g := range got {
			if math.Abs(g-w) < 0.4 {
				d = append(d, g-w)
				o.mean += g - w
				break
			}
		}
	}
	o.mean /= float64(max(len(d), 1))
	for i := range d {
		d[i] = math.Abs(d[i] - o.mean)
	}
	slices.Sort(d)
	if len(d) > 0 {
		o.p95 = d[len(d)*95/100]
	}
	if len(d) < len(want)*9/10 {
		o.mean = math.NaN()
	}
	return o
}

// TestSoundAndPictureStayTogether measures, for two people on different links,
// where beeps and flashes are in the file. A flash is seen in the first frame at
// or after it, so on average half a frame late; people's pictures are 1/15 s apart.
func TestSoundAndPictureStayTogether(t *testing.T) {
	const length = 40
	for _, c := range []struct {
		name     string
		ann, bob func() link
		loss     float64
		wander   float64 // of sound, 95th percentile, in seconds
	}{
		{"clean", func() link { return steady(5 * time.Millisecond) }, func() link { return steady(5 * time.Millisecond) }, 0, 0.001},
		{"loss", func() link { return steady(20 * time.Millisecond) }, func() link { return steady(20 * time.Millisecond) }, 0.05, 0.030}, // nothing is sent again: a beep that begins in a lost packet is heard a packet late
		{"bursts", func() link { return stopping(20*time.Millisecond, 200*time.Millisecond) }, func() link { return steady(20 * time.Millisecond) }, 0, 0.001},
		{"jitter", func() link { return jittery(20*time.Millisecond, 300*time.Millisecond) }, func() link { return steady(20 * time.Millisecond) }, 0, 0.001},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				conv := r.conversation("room")
				epoch := time.Now().Add(37 * time.Millisecond) // flashes fall anywhere between frames
				ann, bob := person(conv, 1, epoch), person(conv, 10, epoch)
				ann.link, bob.link, ann.loss, bob.loss = c.ann(), c.bob(), c.loss, c.loss
				leave := []func(){r.join(ann), r.join(bob)}
				time.Sleep(1500 * time.Millisecond)
				rec := r.start(smallConfig("room"))
				time.Sleep(length * time.Second)
				res := r.stop(rec)
				for _, f := range leave {
					f()
				}
				m := decode(t, r.file(res.Chunks[0]), small)
				m.lasts(length * time.Second)
				var want []float64
				for s := 0.537; s < length-1; s++ {
					want = append(want, s)
				}
				sound := [2]offsets{measure(m.beeps(ann.hertz), want), measure(m.beeps(bob.hertz), want)}
				var sight [2]offsets
				for i, tile := range grid(2) {
					var at []float64
					for _, n := range m.flashes(tile) {
						at = append(at, float64(n)/8)
					}
					sight[i] = measure(at, want)
				}
				t.Logf("sound %.4f, sight %.4f", sound, sight)
				for i := range 2 {
					if !(sound[i].p95 <= c.wander) {
						t.Errorf("person %d's sound wanders by %.1f ms", i, 1000*sound[i].p95)
					}
					// The camera's next picture, then the next frame: 0 to 192 ms, and here always the same.
					if c.loss == 0 && !(sight[i].mean > sound[i].mean && sight[i].mean < sound[i].mean+0.192 && sight[i].p95 < 0.001) {
						t.Errorf("person %d is seen %.1f ms and heard %.1f ms after the fact", i, 1000*sight[i].mean, 1000*sound[i].mean)
					}
				}
				if d := math.Abs(sound[0].mean - sound[1].mean); !(d < 0.005) {
					t.Errorf("the voices are %.0f ms apart", 1000*d)
				}
			})
		})
	}
}

// A sender whose capture hangs for 18 s and goes on with the next RTP timestamp
// must not make the file shorter, or what it says later come too early.
func TestCaptureStallKeepsTheLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		ann, bob := person(conv, 1, epoch), person(conv, 10, epoch)
		leave := []func(){r.join(ann), r.join(bob)}
		time.Sleep(1500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(4207 * time.Millisecond)
		ann.hang.Store(true)
		time.Sleep(18 * time.Second)
		ann.hang.Store(false)
		time.Sleep(7793 * time.Millisecond)
		res := r.stop(rec)
		for _, f := range leave {
			f()
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(30 * time.Second)
		var all []float64
		for at := 0.5; at < 30; at++ {
			all = append(all, at)
		}
		m.hears(bob.hertz, all...)
		got := m.beeps(ann.hertz) // 18 s later than they were due, but for the half second in which the stall is noticed
		if len(got) < 10 || len(got) > 12 || math.Abs(got[3]-3.5) > 0.02 || got[4] < 22 {
			t.Errorf("beeps at %.3f", got)
		}
		for _, at := range got[len(got)-6:] { // the stall lasts 18 s but for the one or two packets that the sender hurries with after it
			if off := math.Abs(at - 0.5 - math.Round(at-0.5)); off > 0.045 {
				t.Errorf("a beep at %.3f s", at)
			}
		}
	})
}

// Clocks that are 200 ppm off run 30 ms away in two and a half minutes, unless they are followed.
func TestDriftingClocksAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		epoch := time.Now()
		fast, slow := person(conv, 1, epoch), person(conv, 10, epoch)
		fast.noVideo, slow.noVideo, fast.ppm, slow.ppm = true, true, 200, -200
		leave := []func(){r.join(fast), r.join(slow)}
		time.Sleep(1500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(150 * time.Second)
		res := r.stop(rec)
		for _, f := range leave {
			f()
		}
		m := decode(t, r.file(res.Chunks[0]), small)
		m.lasts(150 * time.Second)
		for _, c := range []*caller{fast, slow} {
			got := m.beeps(c.hertz)
			if len(got) != 150 {
				t.Fatalf("%d beeps at %d ppm", len(got), c.ppm)
			}
			for i, at := range got {
				if off := at - 0.5 - float64(i) - (got[0] - 0.5); math.Abs(off) > 0.005 {
					t.Fatalf("at %d ppm beep %d is %.1f ms off", c.ppm, i, 1000*off)
				}
			}
		}
	})
}
