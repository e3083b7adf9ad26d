package control

import (
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/callreel/callreel"
)

const (
	// headroom is the part of the machine that is not planned with: calls grow,
	// and recordings must never be late.
	headroom = 0.2
	// assumed is how many cores a recording takes of which nothing is known: nine
	// people at 1920x1080.
	assumed = 0.25
	// maxBesides bounds what is taken to be needed besides recordings.
	maxBesides = 3
	// tooLate is a lateness of a recording at which another one has to wait.
	tooLate = 500 * time.Millisecond
	// A client is told to come again in one of these times, if it is not known
	// when a recording will end.
	usualRetry, shortRetry, longRetry = 30 * time.Second, 5 * time.Second, 2 * time.Minute
)

// demand is what recordings report, and what there is for them.
type demand struct {
	loads   []callreel.Load // of those that run
	cores   float64         // processors that the server may use
	past    float64         // cores that one took of those that ran so far; zero: not known
	besides float64         // what all takes together, as a multiple of what recordings do
	bound   int             // on how many may run; zero: none
}

// estimate is what follows from a demand.
type estimate struct {
	used, each float64 // cores that recordings take, and that another one will, with all that is done for it
	measured   bool    // each is
	overloaded bool    // a recording leaves out pictures, or is late
	room       int     // how many more may begin
}

// mean returns what a recording takes, of those of which it is known, and the most.
func (d demand) mean() (mean, most float64) {
	n := 0
	for _, l := range d.loads {
		if l.Cores > 0 {
			mean += l.Cores
			most = max(most, l.Cores)
			n++
		}
	}
	return mean / float64(max(n, 1)), most
}

// estimate finds out how many more recordings there is room for. Where none runs
// there is room for one.
func (d demand) estimate() (e estimate) {
	each, _ := d.mean()
	if each == 0 {
		each = d.past
	}
	e.each, e.measured = each*d.besides, each > 0
	if !e.measured {
		e.each = assumed
	}
	for _, l := range d.loads {
		if l.Cores > 0 {
			e.used += l.Cores * d.besides
		} else {
			e.used += e.each
		}
		e.overloaded = e.overloaded || l.Level > 0 || l.Lateness > tooLate
	}
	e.room = max(0, int(math.Floor((d.cores*(1-headroom)-e.used)/e.each)))
	switch {
	case e.overloaded:
		e.room = 0
	case len(d.loads) == 0:
		e.room = max(e.room, 1)
	}
	if d.bound > 0 {
		e.room = min(e.room, max(0, d.bound-len(d.loads)))
	}
	return e
}

// demand asks the recordings.
func (s *Server) demand() demand {
	d := demand{cores: s.cores(), besides: 1, bound: s.bound()}
	for _, r := range s.host.Recordings() {
		l := r.Load()
		if r.Result().State == callreel.Paused { // nothing is made, so nothing changes
			l.Level, l.Lateness = 0, 0
		}
		d.loads = append(d.loads, l)
	}
	t := s.host.Totals()
	if t.Recorded >= minMeasured {
		d.past = t.CPU.Seconds() / t.Recorded.Seconds()
	}
	if t.CPU > 0 { // receiving, deciphering and delivering are not the recordings' own
		d.besides = min(max(s.host.Usage().CPU.Seconds()/t.CPU.Seconds(), 1), maxBesides)
	}
	return d
}

// bound returns how many recordings may run at most; zero: no fixed number.
func (s *Server) bound() int {
	if s.cfg.Admission > 0 {
		return s.cfg.Admission
	}
	return s.cfg.Engine.MaxRecordings()
}

// checkRoom makes sure that there is room for another recording.
func (s *Server) checkRoom() error {
	if s.cfg.Admission < 0 {
		return nil
	}
	d := s.demand()
	if s.capacityFor(d).Available > 0 {
		return nil
	}
	e := d.estimate()
	s.refused.Add(1)
	s.log.Warn("there is no room for another recording", "running", len(d.loads), "cores", d.cores,
		"used", hundredths(e.used), "each", hundredths(e.each), "overloaded", e.overloaded)
	after := usualRetry
	if !e.overloaded {
		after = nextEnd(s.host.Totals(), len(d.loads))
	}
	return &problem{
		status: http.StatusServiceUnavailable, code: codeInternal, message: callreel.ErrFull.Error(),
		retryAfter: int(jitter(after).Seconds()),
	}
}

// nextEnd estimates when the next of so many recordings ends, by how long they
// last on average.
func nextEnd(t callreel.Totals, running int) time.Duration {
	ended := int64(0)
	for _, n := range t.Ended {
		ended += n
	}
	if ended == 0 {
		return usualRetry
	}
	each := t.Recorded / time.Duration(ended+int64(running))
	return min(max(each/time.Duration(max(running, 1)), shortRetry), longRetry)
}

// jitter changes a time by up to a quarter, so that those who were refused at
// the same time don't come again at the same time. It is whole seconds.
func jitter(d time.Duration) time.Duration {
	quarter := d / 4
	return max(time.Second, (d - quarter + rand.N(2*quarter+1)).Round(time.Second))
}
