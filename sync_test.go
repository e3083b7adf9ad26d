package callreel_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
)

// syncRow is a network, and what it makes of a caller.
type syncRow struct {
	name  string
	set   func(c *caller)
	lips  time.Duration                     // by how much pictures are later than sound, where nothing can tell
	later time.Duration                     // by how much all is later than the others', likewise
	deaf  bool                              // pictures are lost for good: only sound is measured
	mends func(s callreel.TrackReport) bool // says that sound was mended as it should
}

func syncRows() []syncRow {
	const ms = time.Millisecond
	return []syncRow{
		{name: "clean", set: func(*caller) {}},
		{name: "5 % lost, sent again", set: func(c *caller) { c.loss, c.rtt = 0.05, 60*ms }, mends: repaired},
		{name: "5 % lost, RED", set: func(c *caller) { c.loss, c.red = 0.05, true }, deaf: true, mends: func(s callreel.TrackReport) bool { return s.Received().Recovered > 50 }},
		{name: "5 % lost, in-band FEC", set: func(c *caller) { c.loss, c.hertz = 0.05, 700 }, deaf: true, mends: func(s callreel.TrackReport) bool { return s.Sound.Recovered > 0 }},
		{name: "held up for 200 ms", set: func(c *caller) { c.link = stopping(20*ms, 200*ms) }},
		{name: "200 ms lost, sent again", set: func(c *caller) {
			c.rtt = 60 * ms
			c.sight.lost = func(at time.Duration) bool { return at%(2*time.Second) < 200*ms }
			c.sound.lost = c.sight.lost
		}, mends: repaired},
		{name: "jitter of 300 ms", set: func(c *caller) { c.link = jittery(20*ms, 300*ms) }},
		{name: "pictures 100 ms later", set: func(c *caller) { c.videoLink = steady(120 * ms) }},
		{name: "all 130 ms later", set: func(c *caller) { c.link = steady(150 * ms) }, later: 130 * ms},
		{name: "no reports", set: func(c *caller) { c.noReports = true }},
		{name: "no reports, pictures 100 ms later", set: func(c *caller) { c.noReports, c.videoLink = true, steady(120*ms) }, lips: 100 * ms},
		{name: "2 s cached at the start", set: func(c *caller) {
			c.late = 4 * time.Second
			c.link = cached(20*ms, c.epoch.Truncate(time.Second).Add(6*time.Second))
		}},
	}
}

// repaired says that all that was lost came when it was asked for.
func repaired(s callreel.TrackReport) bool {
	return s.Received().Repaired > 50 && s.Received().Lost == 0 && s.Sound.Concealed.Count == 0
}

// TestLongSync measures where flashes and beeps are in the file. The promise: within
// 20 ms of each other, and of the others'. Only one-way delays can't be known: a
// sender's least delay, and without reports a track's, is all in the file.
func TestLongSync(t *testing.T) {
	t.Parallel()
	rows := syncRows()
	p := throw(t, len(rows), 48*time.Second, func(i int, c *caller) { rows[i].set(c) })
	const from, to = 8 * time.Second, 47 * time.Second
	clean := p.heard(0, from, to)
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			q := p.of(t)
			heard := q.heard(i, from, to)
			others := apart(minus(heard, clean), row.later.Seconds())
			others.is(t, "sound against others", row.later.Seconds())
			if sound := q.track(i, "audio"); row.mends != nil && !row.mends(sound) {
				t.Errorf("%+v, recovered %v", sound.Received(), sound.Sound.Recovered)
			}
			if row.deaf {
				t.Logf("others %.1f ms (%.1f)", 1000*others.mean, 1000*others.p95)
				return
			}
			own := lips(minus(q.seen(i, grid(len(rows))[i], from, to), heard), row.lips.Seconds())
			own.is(t, "pictures against sound", row.lips.Seconds())
			t.Logf("A/V %.1f ms (%.1f), others %.1f ms (%.1f)", 1000*own.mean, 1000*own.p95, 1000*others.mean, 1000*others.p95)
		})
	}
	t.Run("nothing plays fast", func(t *testing.T) { // after the 2 s that were cached
		q, i := p.of(t), len(rows)-1
		if got, want := len(q.beeps(q.callers[i].hertz)), len(q.beats(i, 2500*time.Millisecond, q.length)); got < want-2 || got > want {
			t.Errorf("%d beeps, want %d", got, want)
		}
		for k, at := range q.beeps(q.callers[i].hertz) {
			if d := nearest(q.beats(i, 0, q.length), at); !(d < 0 && d > -0.05) {
				t.Errorf("beep %d is %.0f ms late", k, -1000*d)
			}
		}
	})
}

// Who joins late is in sync from the first seconds on.
func TestLongLateJoiners(t *testing.T) {
	t.Parallel()
	p := &party{length: 85 * time.Second}
	var r *rig
	dir := t.TempDir() // outlives the bubble
	synctest.Test(t, func(t *testing.T) {
		r = newRigIn(t, dir)
		conv := r.conversation("room")
		p.epoch = time.Now()
		ann, bob, cat := guest(conv, 0, p.epoch), guest(conv, 1, p.epoch), guest(conv, 2, p.epoch)
		p.callers = []*caller{ann, bob, cat}
		leave := []func(){r.join(ann)}
		time.Sleep(settle)
		rec := r.start(smallConfig("room"))
		time.Sleep(10 * time.Second)
		leave = append(leave, r.join(bob))
		time.Sleep(50 * time.Second)
		leave = append(leave, r.join(cat))
		time.Sleep(25 * time.Second)
		p.res = r.stop(rec)
		for _, f := range leave {
			f()
		}
	})
	p.movie = decode(t, r.file(p.res.Chunks[0]), small)
	p.lasts(p.length)
	for _, c := range []struct {
		who, people int
		from, to    time.Duration
	}{
		{0, 1, 0, 10 * time.Second},
		{1, 2, 11 * time.Second, 60 * time.Second},
		{0, 2, 11 * time.Second, 60 * time.Second},
		{1, 3, 61 * time.Second, p.length},
		{2, 3, 61 * time.Second, p.length},
	} {
		heard := p.heard(c.who, c.from, c.to)
		others := apart(minus(heard, p.heard(0, c.from, c.to)), 0)
		own := lips(minus(p.seen(c.who, grid(c.people)[c.who], c.from, c.to), heard), 0)
		others.is(t, "sound against the first", 0)
		own.is(t, "pictures against sound", 0)
		t.Logf("%d of %d: A/V %.1f ms (%.1f), others %.1f ms (%.1f)", c.who, c.people, 1000*own.mean, 1000*own.p95, 1000*others.mean, 1000*others.p95)
	}
}

// Clocks that are 200 ppm off run 30 ms away in two and a half minutes, unless they are followed.
func TestLongDriftingClocksAreFollowed(t *testing.T) {
	t.Parallel()
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
