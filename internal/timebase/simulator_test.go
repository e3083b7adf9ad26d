package timebase

import (
	"math/rand/v2"
	"slices"
	"testing"
)

const ms = Ticks(Millisecond)

// path says how long what is sent at a time is on its way.
type path func(at Ticks, rng *rand.Rand) Ticks

func steady(d Ticks) path { return func(Ticks, *rand.Rand) Ticks { return d } }

func jittery(least, spread Ticks) path {
	return func(_ Ticks, rng *rand.Rand) Ticks { return least + Ticks(rng.Int64N(int64(spread))) }
}

// bursty holds everything up for a while every two seconds.
func bursty(least, hold Ticks) path {
	return func(at Ticks, _ *rand.Rand) Ticks { return least + max(0, hold-at%(2*Second)) }
}

// from changes over to another path at a time.
func (p path) from(at Ticks, next path) path {
	return func(t Ticks, rng *rand.Rand) Ticks {
		if t < at {
			return p(t, rng)
		}
		return next(t, rng)
	}
}

// clock is what a clock shows at a true time.
type clock func(Ticks) Ticks

func fast(ppm int64) clock { return func(t Ticks) Ticks { return t + scale(t, ppm*1000) } }

// steps sets a clock at a time.
func (c clock) steps(at, by Ticks) clock {
	return func(t Ticks) Ticks {
		if t < at {
			return c(t)
		}
		return c(t) + by
	}
}

// origin describes a simulated track. True time is the recorder's local time.
type origin struct {
	rate  Rate
	first uint32 // RTP timestamp at time 0
	every Ticks  // between packets
	rtp   clock
	path  path
	loss  float64
	mute  func(at Ticks) bool // no packets and no reports
	renew Ticks               // when it goes on with another SSRC, or 0

	reports Ticks // between reports, or 0
	late    Ticks // until the first
	lie     func(n int, rng *rand.Rand) Ticks
	ntp     clock // of this track's reports; by default the sender's
}

func (o *origin) renewed(at Ticks) bool { return o.renew > 0 && at >= o.renew }

func (o *origin) timestamp(at Ticks) uint32 {
	first := o.first
	if o.renewed(at) {
		first += 3_000_000_000
	}
	return first + uint32(o.rtp(at).At(o.rate))
}

// event is a packet or a report at its arrival.
type event struct {
	arrival Ticks
	sent    Ticks // captured, for a packet
	track   int
	rtp     uint32
	report  bool
	ntp     uint64
}

// scene is one sender's call. What is expected holds in [from, until).
type scene struct {
	name   string
	length Ticks
	ntp    clock
	tracks []origin
	expect []expectation
	after  func(t *testing.T, maps []*Map)
}

// expectation says what a map's error, dated minus true capture time, is.
type expectation struct {
	from, until Ticks
	delay       Ticks // expected error: the least delay of the quickest path
	within      Ticks // of that, if not 0
	lips        Ticks // most difference between the tracks' errors, if not 0
	still       Ticks // most that an error may change in the span, if not 0
	only        int   // the track that this is about, from 1, or 0 for all
}

func (e *expectation) about(track int) bool { return e.only == 0 || e.only == track+1 }

func audio(p path) origin {
	return origin{rate: 48000, first: 4294900000, every: 20 * ms, rtp: fast(0), path: p, reports: 5 * Second, late: 1700 * ms}
}

func video(p path) origin {
	return origin{rate: 90000, first: 77, every: 40 * ms, rtp: fast(0), path: p, reports: 900 * ms, late: 500 * ms}
}

// events returns all that arrives, in order.
func (s *scene) events(rng *rand.Rand) []event {
	var all []event
	for i := range s.tracks {
		o := &s.tracks[i]
		for at := Ticks(0); at < s.length; at += o.every {
			if (o.mute == nil || !o.mute(at)) && rng.Float64() >= o.loss {
				all = append(all, event{arrival: at + o.path(at, rng), sent: at, track: i, rtp: o.timestamp(at)})
			}
		}
		n := 0
		for at := o.late; o.reports > 0 && at < s.length; at += o.reports {
			if o.mute == nil || !o.mute(at) {
				all = append(all, s.report(o, i, n, at, rng))
				n++
			}
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return int(a.arrival - b.arrival) })
	return all
}

func (s *scene) report(o *origin, track, n int, at Ticks, rng *rand.Rand) event {
	clock := s.ntp
	if o.ntp != nil {
		clock = o.ntp
	}
	ntp := clock(at)
	if o.lie != nil {
		ntp += o.lie(n, rng)
	}
	return event{arrival: at + o.path(at, rng), track: track, rtp: o.timestamp(at), report: true, ntp: toNTP(max(ntp, 0))}
}

// run plays the scene and checks what is expected after every event.
func (s *scene) run(t *testing.T) {
	if s.ntp == nil {
		s.ntp = func(t Ticks) Ticks { return 3_900_000_000*Second + t }
	}
	rng := rand.New(rand.NewPCG(42, uint64(len(s.name))))
	var sync Sync
	maps := make([]*Map, len(s.tracks))
	for i, o := range s.tracks {
		maps[i] = sync.NewMap(o.rate)
	}
	newest, off := make([]Ticks, len(s.tracks)), make([]Ticks, len(s.tracks))
	w := make([]watch, len(s.expect))
	for _, e := range s.events(rng) {
		if e.report {
			maps[e.track].Report(e.ntp, e.rtp)
			continue
		}
		switch o := &s.tracks[e.track]; {
		case o.renewed(newest[e.track]) && !o.renewed(e.sent):
			continue // late, of the SSRC that is gone
		case o.renewed(e.sent) && !o.renewed(newest[e.track]):
			maps[e.track].Reset()
		}
		maps[e.track].Observe(e.rtp, e.arrival)
		newest[e.track] = max(newest[e.track], e.sent)
		s.errors(maps, newest, off)
		for i := range s.expect {
			w[i].look(&s.expect[i], off, e.arrival)
		}
	}
	for i := range s.expect {
		w[i].judge(t, &s.expect[i])
	}
	if s.after != nil {
		s.after(t, maps)
	}
}

// errors puts into off by how much each map dates its newest packet too late.
func (s *scene) errors(maps []*Map, newest, off []Ticks) {
	for i, m := range maps {
		at, _ := m.At(s.tracks[i].timestamp(newest[i]))
		off[i] = at - newest[i]
	}
}

// watch keeps the extremes of what was seen.
type watch struct {
	seen              bool
	worst, lips, when Ticks
	least, most       [4]Ticks
}

func (w *watch) look(e *expectation, off []Ticks, now Ticks) {
	if now < e.from || now >= e.until {
		return
	}
	for i, o := range off {
		if !e.about(i) {
			continue
		}
		if d := abs(o - e.delay); d > w.worst {
			w.worst, w.when = d, now
		}
		w.lips = max(w.lips, abs(o-off[0]))
		if !w.seen {
			w.least[i], w.most[i] = o, o
		}
		w.least[i], w.most[i] = min(w.least[i], o), max(w.most[i], o)
	}
	w.seen = true
}

func (w *watch) judge(t *testing.T, e *expectation) {
	t.Helper()
	span := [2]Ticks{e.from, e.until}
	if !w.seen {
		t.Errorf("nothing seen in %v", inSeconds(span[:]))
	}
	if e.within > 0 && w.worst > e.within {
		t.Errorf("%v s: off by %v at %v, want within %v", inSeconds(span[:]), w.worst.Duration(), w.when.Duration(), e.within.Duration())
	}
	if e.lips > 0 && w.lips > e.lips {
		t.Errorf("%v s: lips are off by %v, want within %v", inSeconds(span[:]), w.lips.Duration(), e.lips.Duration())
	}
	for i := range w.least {
		if moved := w.most[i] - w.least[i]; e.still > 0 && moved > e.still {
			t.Errorf("%v s: track %d moved by %v, want within %v", inSeconds(span[:]), i, moved.Duration(), e.still.Duration())
		}
	}
}

func inSeconds(ts []Ticks) (s []float64) {
	for _, t := range ts {
		s = append(s, t.Duration().Seconds())
	}
	return s
}
