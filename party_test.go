package callreel_test

import (
	"cmp"
	"image"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
)

// party is a recorded call of several callers. They flash and beep one after
// the other, so that the voices don't add up to what the limiter lowers.
type party struct {
	*movie
	callers []*caller
	res     callreel.Result
	epoch   time.Time
	length  time.Duration
}

// The flashes of a party are long enough to be in a frame, and nowhere near a
// multiple of the spacing of frames or pictures, so that each falls elsewhere
// between two frames: what the grid adds to a flash is half a frame on average.
const (
	oddPeriod = 1077250 * time.Microsecond
	oddFlash  = 200 * time.Millisecond
	oddBeep   = 80 * time.Millisecond
	turn      = 83 * time.Millisecond // from one caller's beep to the next one's
	oddEvery  = 67300 * time.Microsecond
	frame     = time.Second / 8

	// limit is how far apart what belongs together may be.
	limit = 0.020
)

// guest is the i-th caller of a party, on a link of 20 ms.
func guest(sink ingest.Sink, i int, epoch time.Time) *caller {
	c := person(sink, i, epoch)
	c.epoch = epoch.Add(time.Duration(i) * turn)
	c.hertz = 500 + 400*float64(i) // far enough from others'
	c.period, c.flash, c.beep, c.every = oddPeriod, oddFlash, oddBeep, oddEvery
	c.size, c.link = image.Pt(192, 108), steady(20*time.Millisecond)
	return c
}

// throw records a party of n guests for some time; set makes them odd.
func throw(t *testing.T, n int, length time.Duration, set func(i int, c *caller)) *party {
	t.Helper()
	p := &party{length: length}
	var r *rig
	dir := t.TempDir() // outlives the bubble
	synctest.Test(t, func(t *testing.T) {
		r = newRigIn(t, dir)
		conv := r.conversation("room")
		p.epoch = time.Now()
		var leave []func()
		for i := range n {
			c := guest(conv, i, p.epoch)
			set(i, c)
			p.callers = append(p.callers, c)
			leave = append(leave, r.join(c))
		}
		time.Sleep(settle)
		rec := r.start(smallConfig("room"))
		time.Sleep(length)
		p.res = r.stop(rec)
		for _, f := range leave {
			f()
		}
	})
	p.movie = decode(t, r.file(p.res.Chunks[0]), small)
	p.lasts(length)
	return p
}

// of returns the party as a test sees it.
func (p *party) of(t *testing.T) *party {
	m, q := *p.movie, *p
	m.t, q.movie = t, &m
	return &q
}

// track returns what the report says of a caller's track.
func (p *party) track(i int, kind string) callreel.TrackReport {
	p.t.Helper()
	return track(p.t.(*testing.T), p.res.Report, p.callers[i].who.ID, kind)
}

// beats returns when in the file a caller's flashes begin, in seconds.
func (p *party) beats(i int, from, to time.Duration) (at []float64) {
	for d := p.callers[i].epoch.Sub(p.epoch); d < p.length+settle; d += oddPeriod {
		if pos := d - settle; pos >= from && pos < to {
			at = append(at, pos.Seconds())
		}
	}
	return at
}

// nearest returns how much later than at the nearest of some times is, NaN if
// none is near.
func nearest(times []float64, at float64) float64 {
	best := math.NaN()
	for _, t := range times {
		if d := t - at; math.Abs(d) < 0.4 && !(math.Abs(d) >= math.Abs(best)) {
			best = d
		}
	}
	return best
}

// heard returns by how much each beep of a caller is late.
func (p *party) heard(i int, from, to time.Duration) (late []float64) {
	beeps := p.beeps(p.callers[i].hertz)
	for _, at := range p.beats(i, from, to) {
		late = append(late, nearest(beeps, at))
	}
	return late
}

// seen returns by how much each flash of a caller in a tile is late, from the
// capture of its first picture to its first frame.
func (p *party) seen(i int, tile image.Rectangle, from, to time.Duration) (late []float64) {
	c := p.callers[i]
	start := c.began.Sub(p.epoch) - settle
	every := cmp.Or(c.every, time.Second/callerFPS)
	var flashes []float64
	for _, n := range p.flashes(tile, int(from*8/time.Second), int(to*8/time.Second)) {
		flashes = append(flashes, (time.Duration(n) * frame).Seconds())
	}
	for _, at := range p.beats(i, from, to-time.Second) {
		n := math.Ceil((at - start.Seconds()) / every.Seconds())
		late = append(late, nearest(flashes, start.Seconds()+n*every.Seconds()))
	}
	return late
}

// spread is what a series of measurements comes to, in seconds: the mean, and
// the 95th percentile of how far they are from what they should be. They
// are NaN if one is missing.
type spread struct{ mean, p95 float64 }

func spreadOf(d []float64, off func(float64) float64) (s spread) {
	all := len(d)
	d = slices.DeleteFunc(slices.Clone(d), math.IsNaN)
	if len(d) == 0 || len(d) < all {
		return spread{math.NaN(), math.NaN()}
	}
	var offs []float64
	for _, x := range d {
		s.mean += x / float64(len(d))
		offs = append(offs, off(x))
	}
	slices.Sort(offs)
	s.p95 = offs[(len(offs)*95+99)/100-1]
	return s
}

// minus returns by how much each of a is later than its counterpart in b.
func minus(a, b []float64) []float64 {
	d := make([]float64, min(len(a), len(b)))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

// lips returns by how much pictures are later than the sound. What the grid of
// frames adds is taken off: half a frame of the mean, and of each flash
// whatever up to a frame can explain, if it should be late by want.
func lips(d []float64, want float64) spread {
	const f = float64(frame) / 1e9
	s := spreadOf(d, func(x float64) float64 { return max(0, want-x, x-want-f) })
	s.mean -= f / 2
	return s
}

// apart returns by how much one sound is later than another.
func apart(d []float64, want float64) spread {
	return spreadOf(d, func(x float64) float64 { return math.Abs(x - want) })
}

// is checks that measurements are what they should be within limit.
func (s spread) is(t *testing.T, what string, want float64) {
	t.Helper()
	if !(math.Abs(s.mean-want) <= limit && s.p95 <= limit) {
		t.Errorf("%s: %.1f ms, 95th percentile of the deviation %.1f ms, want %.0f ms", what, 1000*s.mean, 1000*s.p95, 1000*want)
	}
}

// window is a stretch of the file.
type window struct{ from, to time.Duration }

// synced checks a caller's sound against another's and against its pictures.
func (p *party) synced(i, reference int, windows ...window) {
	p.t.Helper()
	t := p.t.(*testing.T)
	var voices, faces []float64
	for _, w := range windows {
		heard := p.heard(i, w.from, w.to)
		voices = append(voices, minus(heard, p.heard(reference, w.from, w.to))...)
		faces = append(faces, minus(p.seen(i, grid(len(p.callers))[i], w.from, w.to), heard)...)
	}
	a, l := apart(voices, 0), lips(faces, 0)
	a.is(t, "sound against others", 0)
	l.is(t, "pictures against sound", 0)
	t.Logf("A/V %.1f ms (%.1f), others %.1f ms (%.1f)", 1000*l.mean, 1000*l.p95, 1000*a.mean, 1000*a.p95)
}

// undisturbed checks that each beep of a caller is where one belongs, but for
// those in a window.
func (p *party) undisturbed(i int, but window) {
	p.t.Helper()
	beats := p.beats(i, -oddBeep, p.length)
	for _, at := range p.beeps(p.callers[i].hertz) {
		if at >= but.from.Seconds() && at < but.to.Seconds() || at < 0.020 {
			continue // one at the very beginning was under way
		}
		if late := -nearest(beats, at); !(late > -limit && late < 0.08) {
			p.t.Errorf("a beep at %.3f s is %.0f ms late", at, 1000*late)
		}
	}
}
