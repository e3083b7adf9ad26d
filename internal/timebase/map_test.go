package timebase

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func runScenes(t *testing.T, scenes []scene) {
	for _, s := range scenes {
		t.Run(s.name, s.run)
	}
}

// with returns a changed copy.
func (o origin) with(change func(*origin)) origin {
	change(&o)
	return o
}

// shaky makes reports off by up to d, and every so often wildly wrong.
func shaky(d Ticks, wildEvery int) func(int, *rand.Rand) Ticks {
	return func(n int, rng *rand.Rand) Ticks {
		if wildEvery > 0 && n%wildEvery == wildEvery/2 {
			return Ticks(rng.Int64N(1 << 46))
		}
		return Ticks(rng.Int64N(int64(2*d))) - d
	}
}

func TestReportsThatAreOff(t *testing.T) {
	lying := func(o origin, d Ticks, wild int) origin {
		o.lie = shaky(d, wild)
		return o
	}
	pair := func(d Ticks, wild int) []origin {
		return []origin{lying(audio(steady(20*ms)), d, wild), lying(video(steady(90*ms)), d, wild)}
	}
	runScenes(t, []scene{
		{name: "by 3 ms", length: 600 * Second, tracks: pair(3*ms, 0), expect: []expectation{
			{from: 60 * Second, until: 600 * Second, delay: 20 * ms, within: 3 * ms, lips: 3 * ms},
			{from: 300 * Second, until: 600 * Second, delay: 20 * ms, within: 3 * ms / 2, lips: 3 * ms / 2},
		}},
		{name: "by 3 ms and now and then wildly", length: 600 * Second, tracks: pair(3*ms, 9), expect: []expectation{
			{from: 60 * Second, until: 600 * Second, delay: 20 * ms, within: 3 * ms, lips: 3 * ms},
			{from: 300 * Second, until: 600 * Second, delay: 20 * ms, within: 3 * ms / 2, lips: 3 * ms / 2},
		}, after: func(t *testing.T, maps []*Map) {
			a, v := maps[0].Stats(), maps[1].Stats()
			if a.Reports != 120 || a.Outliers != 13 || v.Outliers != 74 || a.NTPSteps != 0 || v.NTPSteps != 0 || !a.ByReports {
				t.Errorf("%+v %+v", a, v)
			}
		}},
		{name: "two in a row", length: 90 * Second, tracks: []origin{audio(steady(20 * ms)), video(steady(90 * ms)).with(func(o *origin) {
			o.lie = func(n int, _ *rand.Rand) Ticks {
				if n == 40 || n == 41 {
					return Ticks(n) * 777 * Second
				}
				return 0
			}
		})}, expect: []expectation{{from: 20 * Second, until: 90 * Second, delay: 20 * ms, within: ms / 2, lips: ms / 2, still: ms / 4}}, after: func(t *testing.T, maps []*Map) {
			if st := maps[1].Stats(); st.Outliers != 2 || st.NTPSteps != 0 {
				t.Errorf("%+v", st)
			}
		}},
	})
}

func TestDrift(t *testing.T) {
	const hours = 4 * 3600 * Second
	var scenes []scene
	for _, c := range [][3]int64{{-200, 0, 0}, {0, 200, -200}, {200, -200, 200}, {-200, 200, -150}} {
		scenes = append(scenes, scene{
			name:   fmt.Sprintf("sender %d ppm, audio %d, video %d", c[0], c[1], c[2]),
			length: hours,
			ntp:    func(t Ticks) Ticks { return 3_900_000_000*Second + fast(c[0])(t) },
			tracks: []origin{
				audio(jittery(20*ms, 10*ms)).with(func(o *origin) { o.every, o.rtp, o.lie = 200*ms, fast(c[0]+c[1]), shaky(2*ms, 0) }),
				video(jittery(50*ms, 30*ms)).with(func(o *origin) { o.every, o.rtp, o.lie = 400*ms, fast(c[0]+c[2]), shaky(2*ms, 0) }),
			},
			expect: []expectation{{from: 60 * Second, until: hours, delay: 20 * ms, within: 5 * ms, lips: 5 * ms}},
			after: func(t *testing.T, maps []*Map) {
				for i, m := range maps {
					if ppb, known := m.Drift(); !known || abs(Ticks(ppb-1000*(c[0]+c[1+i]))) > 20_000 {
						t.Errorf("track %d: drift %d ppb, %v", i, ppb, known)
					}
				}
			},
		})
	}
	runScenes(t, scenes)
}

func TestDriftWithoutReports(t *testing.T) {
	const hours = 4 * 3600 * Second
	var scenes []scene
	for _, ppm := range []int64{-400, -200, 50, 200, 400} {
		scenes = append(scenes, scene{
			name: fmt.Sprint(ppm), length: hours,
			tracks: []origin{audio(jittery(20*ms, 60*ms)).with(func(o *origin) { o.every, o.reports, o.rtp, o.loss = 60*ms, 0, fast(ppm), 0.05 })},
			expect: []expectation{{from: 60 * Second, until: hours, delay: 20 * ms, within: 5 * ms}},
		})
	}
	runScenes(t, scenes)
}

// A step of the RTP clock is followed though packets are held up and let go every
// half second, so that no two in 0.4 s are near each other.
func TestStepWithBursts(t *testing.T) {
	bursts := func(at Ticks, _ *rand.Rand) Ticks { return 20*ms + 500*ms - at%(500*ms) }
	within := func(from, until Ticks) expectation {
		return expectation{from: from, until: until, delay: 30 * ms, within: 30 * ms}
	}
	var scenes []scene
	for _, by := range []Ticks{-2 * Second, 3 * Second} {
		for _, reports := range []Ticks{0, 900 * ms, 5 * Second} {
			scenes = append(scenes, scene{
				name: fmt.Sprintf("by %v, reports each %v", by.Duration(), reports.Duration()), length: 120 * Second,
				tracks: []origin{
					audio(bursts).with(func(o *origin) { o.rtp, o.reports = fast(0).steps(60*Second, by), reports }),
					video(bursts),
				},
				expect: []expectation{within(5*Second, 60*Second), within(80*Second, 120*Second)},
			})
		}
	}
	runScenes(t, scenes)
}

func TestSenderSetsItsClock(t *testing.T) {
	var scenes []scene
	for _, by := range []Ticks{3600 * Second, -3600 * Second, 50 * ms, -50 * ms, 500 * ms, -500 * ms} {
		for name, epoch := range map[string]Ticks{"wall clock": 3_900_000_000 * Second, "since boot": 4000 * Second} {
			ntp := func(t Ticks) Ticks { return epoch + t }
			scenes = append(scenes, scene{
				name: fmt.Sprintf("%v by %v", name, by.Duration()), length: 240 * Second,
				ntp: clock(ntp).steps(60*Second, by).steps(150*Second, -by),
				tracks: []origin{
					audio(jittery(20*ms, 10*ms)).with(func(o *origin) { o.lie = shaky(2*ms, 0) }),
					video(jittery(120*ms, 60*ms)).with(func(o *origin) { o.lie = shaky(2*ms, 0) }),
				},
				expect: []expectation{{from: 30 * Second, until: 240 * Second, delay: 20 * ms, within: 4 * ms, lips: 4 * ms}},
				after: func(t *testing.T, maps []*Map) {
					if n := maps[0].sync.steps; n != 2 {
						t.Errorf("the clock was set %d times", n)
					}
					for _, m := range maps {
						if st := m.Stats(); st.NTPSteps != 2 || st.Outliers != 0 || !st.ByReports || st.Jumps != 0 {
							t.Errorf("%+v", st)
						}
					}
				},
			})
		}
	}
	runScenes(t, scenes)
}

func TestSenderWithoutWallClock(t *testing.T) {
	runScenes(t, []scene{{
		name: "zero", length: 60 * Second, ntp: func(Ticks) Ticks { return 0 },
		tracks: []origin{audio(steady(20 * ms)), video(steady(30 * ms))},
		expect: []expectation{{from: Second, until: 60 * Second, delay: 25 * ms, within: 6 * ms}},
		after: func(t *testing.T, maps []*Map) {
			if st := maps[0].Stats(); st.ByReports || st.Reports != 0 {
				t.Errorf("%+v", st)
			}
		},
	}})
}

func TestTimestampsStep(t *testing.T) {
	const at = 30 * Second
	var scenes []scene
	for _, by := range []Ticks{Second, -Second, 3600 * Second, -3600 * Second, 40 * 3600 * Second, -40 * 3600 * Second, 5 * 86400 * Second, -10000 * Second, 350 * ms, -450 * ms} {
		for track, name := range []string{"audio", "video"} {
			s := scene{
				name: fmt.Sprintf("%s by %v", name, by.Duration()), length: 90 * Second,
				tracks: []origin{audio(jittery(20*ms, 10*ms)), video(jittery(90*ms, 30*ms))},
				expect: []expectation{
					{from: 20 * Second, until: at, delay: 20 * ms, within: 2 * ms, lips: 2 * ms},
					{from: at, until: 90 * Second, delay: 20 * ms, within: 3 * ms, only: 2 - track},
					{from: at + 700*ms, until: 37 * Second, delay: 20 * ms, within: 15 * ms, lips: 15 * ms},
					{from: 42 * Second, until: 90 * Second, delay: 20 * ms, within: 3 * ms, lips: 3 * ms},
				},
			}
			s.tracks[track].rtp = s.tracks[track].rtp.steps(at, by)
			scenes = append(scenes, s)
		}
	}
	runScenes(t, scenes)
}

// A computer that slept: RTP stood still, and the wall clock was set on waking.
func TestSleep(t *testing.T) {
	const from, until = 40 * Second, 70 * Second
	sleep := func(o *origin) {
		o.mute = func(at Ticks) bool { return from <= at && at < until }
		o.rtp = o.rtp.steps(until, from-until)
	}
	runScenes(t, []scene{{
		name: "and the wall clock is set", length: 150 * Second,
		ntp:    clock(func(t Ticks) Ticks { return 3_900_000_000*Second + t }).steps(until, 7*Second),
		tracks: []origin{audio(jittery(20*ms, 10*ms)).with(sleep), video(jittery(90*ms, 30*ms)).with(sleep)},
		expect: []expectation{
			{from: until + 600*ms, until: 150 * Second, delay: 20 * ms, within: 15 * ms, lips: 15 * ms},
			{from: until + 25*Second, until: 150 * Second, delay: 20 * ms, within: 4 * ms, lips: 4 * ms},
		},
		after: func(t *testing.T, maps []*Map) {
			if a, v := maps[0].Stats(), maps[1].Stats(); !a.ByReports || !v.ByReports {
				t.Errorf("%+v %+v", a, v)
			}
		},
	}})
}

// Reports of one track that are of another clock than the others' relate it to
// nothing, and do no harm.
func TestTracksOfDifferentClocks(t *testing.T) {
	other := func(t Ticks) Ticks { return 500*Second + t }
	late := func(o *origin) {
		o.late = 30 * Second
		o.mute = func(at Ticks) bool { return at < 30*Second }
	}
	a, v := audio(jittery(20*ms, 10*ms)), video(jittery(40*ms, 10*ms))
	runScenes(t, []scene{{
		name: "video", length: 90 * Second,
		tracks: []origin{a.with(func(o *origin) { o.late = 300 * ms }), v.with(func(o *origin) { o.ntp = other }), v.with(late)},
		expect: []expectation{
			{from: 5 * Second, until: 90 * Second, delay: 20 * ms, within: 2 * ms, only: 1},
			{from: 5 * Second, until: 90 * Second, delay: 40 * ms, within: 21 * ms, only: 2},
			{from: 50 * Second, until: 90 * Second, delay: 20 * ms, within: 2 * ms, only: 3},
		},
		after: func(t *testing.T, maps []*Map) {
			if a, b := maps[0].Stats(), maps[2].Stats(); !a.ByReports || !b.ByReports {
				t.Errorf("%+v %+v", a, b)
			}
		},
	}})
}

// What came before a step back must not be waited for until RTP is there again.
func TestNothingIsDatedInTheFuture(t *testing.T) {
	s := newSender(new(Sync), 48000, 1<<31)
	s.run(0, 10*Second, 20*ms, 0, true)
	old := s.rtp(10*Second - 20*ms)
	s.first -= 3600 * Second
	s.run(10*Second, 11*Second, 20*ms, 0, false)
	if at, _ := s.m.At(old); at > 11*Second+JumpLimit {
		t.Errorf("dated %v", at.Duration())
	}
	within(t, "after the step", s.errorAt(t, 11*Second, 20*ms), ms)
}

// A step below JumpLimit shows in the reports only.
func TestTimestampsStepALittle(t *testing.T) {
	const at = 60 * Second
	var scenes []scene
	for _, by := range []Ticks{150 * ms, -150 * ms, 60 * ms, -60 * ms} {
		for track, name := range []string{"audio", "video"} {
			s := scene{
				name: fmt.Sprintf("%s by %v", name, by.Duration()), length: 150 * Second,
				tracks: []origin{audio(jittery(20*ms, 10*ms)), video(jittery(90*ms, 30*ms))},
				expect: []expectation{
					{from: at, until: 150 * Second, delay: 20 * ms, within: 3 * ms, only: 2 - track},
					{from: at + 40*Second, until: 150 * Second, delay: 20 * ms, within: 3 * ms, lips: 3 * ms},
				},
				after: func(t *testing.T, maps []*Map) {
					for _, m := range maps {
						if st := m.Stats(); st.NTPSteps != 0 || st.Outliers != 0 {
							t.Errorf("%+v", st)
						}
					}
				},
			}
			s.tracks[track].rtp = s.tracks[track].rtp.steps(at, by)
			scenes = append(scenes, s)
		}
	}
	runScenes(t, scenes)
}

func TestCaptureStalls(t *testing.T) {
	const from, until = 20 * Second, 38 * Second
	stalled := func(at Ticks) bool { return from <= at && at < until }
	stall := func(o *origin) { o.mute, o.rtp = stalled, o.rtp.steps(until, from-until) }
	wall := func(t Ticks) Ticks { return 3_900_000_000*Second + t }
	frozen := clock(wall).steps(until, from-until)
	after := func(lips Ticks) []expectation {
		return []expectation{
			{from: 10 * Second, until: from, delay: 20 * ms, within: 2 * ms, lips: 2 * ms},
			{from: until + 600*ms, until: 90 * Second, delay: 20 * ms, within: 10 * ms, lips: lips},
		}
	}
	two := func() (origin, origin) { return audio(jittery(20*ms, 10*ms)), video(jittery(60*ms, 30*ms)) }
	a, v := two()
	silent := func(o *origin) { o.mute = stalled }
	runScenes(t, []scene{
		{name: "of both", length: 90 * Second, tracks: []origin{a.with(stall), v.with(stall)}, expect: after(10 * ms)},
		{name: "of both and of the wall clock", length: 90 * Second, ntp: frozen, tracks: []origin{a.with(stall), v.with(stall)}, expect: after(10 * ms)},
		{name: "of the video", length: 90 * Second, tracks: []origin{a, v.with(stall)}, expect: after(10 * ms)},
		{name: "of the audio", length: 90 * Second, tracks: []origin{a.with(stall), v}, expect: after(10 * ms)},
		{name: "of the video whose reports say it had not", length: 90 * Second, tracks: []origin{a, v.with(stall).with(func(o *origin) { o.ntp = frozen })}, expect: after(10 * ms)},
		{name: "silence of both", length: 90 * Second, tracks: []origin{a.with(silent), v.with(silent)}, expect: []expectation{{from: 10 * Second, until: 90 * Second, delay: 20 * ms, within: 2 * ms, lips: 2 * ms}}},
		{name: "silence of the audio", length: 90 * Second, tracks: []origin{a.with(silent), v}, expect: []expectation{{from: 10 * Second, until: 90 * Second, delay: 20 * ms, within: 2 * ms, lips: 2 * ms}}},
		{
			name: "silence for long", length: 660 * Second, tracks: []origin{a.with(func(o *origin) { o.mute = func(at Ticks) bool { return at > 60*Second && at < 600*Second } }), v},
			expect: []expectation{
				{from: 10 * Second, until: 600 * Second, lips: 3 * ms},
				{from: 610 * Second, until: 660 * Second, lips: 3 * ms},
			},
		},
		{
			name: "silence of one without reports", length: 90 * Second, tracks: []origin{audio(jittery(20*ms, 100*ms)).with(silent).with(func(o *origin) { o.reports = 0 })},
			expect: []expectation{{from: 10 * Second, until: 90 * Second, delay: 20 * ms, within: 3 * ms, still: 3 * ms}},
		},
	})
}

func TestPathChanges(t *testing.T) {
	const at = 30 * Second
	both := func(p func() path) []origin { return []origin{audio(p()), video(p())} }
	silentReports := func(os []origin) []origin {
		for i := range os {
			os[i].reports = 0
		}
		return os
	}
	quicker := func() path { return steady(100*ms).from(at, steady(40*ms)) }
	slower := func() path { return steady(40*ms).from(at, steady(100*ms)) }
	far := func() path { return steady(40*ms).from(at, steady(440*ms)) }
	// Nothing comes for 2 s; then what was held up comes at twice the speed.
	outage := func() path {
		return func(t Ticks, _ *rand.Rand) Ticks {
			if t < at || t >= at+4*Second {
				return 20 * ms
			}
			return 20*ms + 2*Second - (t-at)/2
		}
	}
	held := func() path { return bursty(20*ms, 200*ms) }
	shaking := func() path { return jittery(20*ms, 300*ms) }
	var scenes []scene
	for _, c := range []struct {
		name   string
		path   func() path
		expect []expectation
	}{
		{"quicker", quicker, []expectation{
			{from: 10 * Second, until: at, delay: 100 * ms, within: ms},
			{from: at, until: at + 6*Second, delay: 70 * ms, within: 31 * ms, lips: 2 * ms},
			{from: at + 7*Second, until: 90 * Second, delay: 40 * ms, within: ms, lips: ms},
		}},
		{"slower", slower, []expectation{
			{from: 10 * Second, until: at + 15*Second, delay: 40 * ms, within: ms, lips: ms},
			{from: at + 30*Second, until: 90 * Second, delay: 100 * ms, within: ms, lips: 2 * ms},
		}},
		{"slower by far", far, []expectation{
			{from: 10 * Second, until: at, delay: 40 * ms, within: ms, lips: ms},
			{from: at + 1000*ms, until: 90 * Second, delay: 440 * ms, within: ms, lips: ms},
		}},
		{"outage", outage, []expectation{{from: 10 * Second, until: 90 * Second, delay: 20 * ms, within: ms, lips: ms, still: ms}}},
		{"bursts", held, []expectation{{from: 10 * Second, until: 90 * Second, delay: 20 * ms, within: ms, lips: ms, still: ms}}},
		// By arrival alone, the least of 25 pictures/s for 20 s wanders by some ms.
		{"jitter", shaking, []expectation{{from: 25 * Second, until: 90 * Second, delay: 20 * ms, within: 6 * ms, lips: 6 * ms, still: 6 * ms}}},
	} {
		scenes = append(scenes,
			scene{name: c.name, length: 90 * Second, tracks: both(c.path), expect: c.expect},
			scene{name: c.name + " without reports", length: 90 * Second, tracks: silentReports(both(c.path)), expect: c.expect})
	}
	scenes = append(scenes, scene{
		name: "jitter and reports", length: 90 * Second, tracks: both(shaking),
		expect: []expectation{{from: 25 * Second, until: 90 * Second, delay: 20 * ms, within: 2 * ms, lips: 2 * ms, still: 2 * ms}},
	})
	runScenes(t, scenes)
}

func TestBurstAtTheStart(t *testing.T) {
	cached := func(keep Ticks) path {
		return func(at Ticks, _ *rand.Rand) Ticks { return 20*ms + max(0, keep-at) }
	}
	early := func(o *origin) { o.late, o.reports = 100*ms, Second }
	none := func(o *origin) { o.reports = 0 }
	a, v := audio(cached(3*Second)), video(cached(3*Second))
	hole := func(o *origin) { o.mute = func(at Ticks) bool { return 200*ms < at && at < 3*Second } }
	right := []expectation{{from: 3021 * ms, until: 30 * Second, delay: 20 * ms, within: ms, lips: ms}}
	runScenes(t, []scene{
		{name: "without reports", length: 30 * Second, tracks: []origin{a.with(none), v.with(none)}, expect: right},
		{name: "with reports", length: 30 * Second, tracks: []origin{a.with(early), v.with(early)}, expect: right},
		{name: "of video only", length: 30 * Second, tracks: []origin{audio(steady(20 * ms)).with(early), v.with(early)}, expect: right},
		{name: "that ends long before what is live", length: 30 * Second, tracks: []origin{a.with(none).with(hole)}, expect: right},
		{name: "is all there is", length: 3 * Second, tracks: []origin{a.with(early)}, after: func(t *testing.T, maps []*Map) {
			for at := Ticks(0); at < 3*Second; at += 20 * ms {
				got, _ := maps[0].At(a.timestamp(at))
				within(t, "dated by RTP spacing", got-at-20*ms, 20*ms)
			}
		}},
	})
}

func TestLateFirstReport(t *testing.T) {
	var scenes []scene
	for _, late := range []Ticks{3 * Second, 9 * Second} {
		scenes = append(scenes, scene{
			name: late.Duration().String(), length: 60 * Second,
			tracks: []origin{audio(jittery(20*ms, 10*ms)).with(func(o *origin) { o.late = late }), video(jittery(120*ms, 60*ms))},
			expect: []expectation{
				{from: 2 * Second, until: late, delay: 20 * ms, within: 5 * ms, only: 1},
				{from: 25 * Second, until: 60 * Second, delay: 20 * ms, within: 2 * ms, lips: 2 * ms},
			},
		})
	}
	// The sender's clock is set before the first audio report; video tells of it later.
	for _, by := range []Ticks{400 * ms, -400 * ms, 3600 * Second} {
		scenes = append(scenes, scene{
			name: "after a step by " + by.Duration().String(), length: 90 * Second,
			ntp:    clock(func(t Ticks) Ticks { return 4000*Second + t }).steps(5*Second, by),
			tracks: []origin{audio(jittery(20*ms, 10*ms)).with(func(o *origin) { o.late = 6 * Second }), video(jittery(120*ms, 60*ms))},
			expect: []expectation{{from: 60 * Second, until: 90 * Second, delay: 20 * ms, within: 3 * ms, lips: 3 * ms}},
		})
	}
	scenes = append(scenes, scene{
		name: "before media", length: 30 * Second,
		tracks: []origin{
			audio(jittery(20*ms, 10*ms)).with(func(o *origin) {
				o.late, o.reports = 500*ms, 100*Second
				muted := func(at Ticks) bool { return at < 2*Second && at != 500*ms }
				o.mute = muted
			}),
			video(jittery(120*ms, 60*ms)),
		},
		expect: []expectation{{from: 15 * Second, until: 30 * Second, delay: 25 * ms, within: 6 * ms, lips: 2 * ms}},
		after: func(t *testing.T, maps []*Map) {
			if st := maps[0].Stats(); !st.ByReports || st.Reports != 1 {
				t.Errorf("%+v", st)
			}
		},
	})
	runScenes(t, scenes)
}

func TestLipsOnUnequalPaths(t *testing.T) {
	runScenes(t, []scene{
		{
			name: "slow video", length: 120 * Second,
			tracks: []origin{audio(jittery(20*ms, 5*ms)), video(jittery(120*ms, 60*ms))},
			expect: []expectation{{from: 15 * Second, until: 120 * Second, delay: 20 * ms, within: 2 * ms, lips: 2 * ms}},
		},
		{
			name: "slow audio and loss", length: 120 * Second,
			tracks: []origin{
				audio(jittery(180*ms, 100*ms)).with(func(o *origin) { o.loss = 0.1 }),
				video(jittery(30*ms, 10*ms)).with(func(o *origin) { o.loss = 0.1 }),
			},
			expect: []expectation{{from: 20 * Second, until: 120 * Second, delay: 30 * ms, within: 3 * ms, lips: 3 * ms}},
		},
	})
}

func TestReset(t *testing.T) {
	const at = 40 * Second
	renew := func(o *origin) { o.renew = at }
	a, v := audio(jittery(20*ms, 10*ms)), video(jittery(120*ms, 60*ms))
	expect := []expectation{
		{from: 20 * Second, until: at, delay: 20 * ms, within: 2 * ms, lips: 2 * ms},
		{from: at + 200*ms, until: 90 * Second, delay: 20 * ms, within: 60 * ms, lips: 60 * ms},
		{from: at + 8*Second, until: 90 * Second, delay: 20 * ms, within: 2 * ms, lips: 2 * ms},
	}
	runScenes(t, []scene{
		{name: "audio", length: 90 * Second, tracks: []origin{a.with(renew), v}, expect: expect},
		{name: "video", length: 90 * Second, tracks: []origin{a, v.with(renew)}, expect: expect},
		{name: "both", length: 90 * Second, tracks: []origin{a.with(renew), v.with(renew)}, expect: expect},
	})
	m := new(Sync).NewMap(48000)
	m.Observe(5, 5)
	m.Report(1<<40, 5)
	m.Reset()
	if _, ok := m.At(5); ok || m.Stats().Reports != 1 {
		t.Error("a map after Reset, or no counts", m.Stats())
	}
}
