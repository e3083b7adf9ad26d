package callreel

import (
	"slices"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// maxSpans bounds the stretches of one kind that a report lists for a track.
const maxSpans = 200

// Span is a stretch of a recording, in session position.
type Span struct {
	Start    time.Duration `json:"startNs"`
	Duration time.Duration `json:"durationNs"`
}

// Spans are stretches of one kind.
type Spans struct {
	// Total is the length of all of them, and Count their number.
	Total time.Duration `json:"totalNs"`
	Count int           `json:"count"`
	// List has the first 200.
	List []Span `json:"spans,omitempty"`
}

// spans collects stretches, which come in order.
type spans struct {
	total timebase.Ticks
	count int
	list  []tickSpan
	last  timebase.Ticks // end of the newest one
}

type tickSpan struct{ from, to timebase.Ticks }

// add takes in a stretch. One that continues the last is joined with it.
func (s *spans) add(from, to timebase.Ticks) {
	if s.count > 0 {
		from = max(from, s.last)
	}
	if to <= from {
		return
	}
	s.total += to - from
	joins := s.count > 0 && from == s.last
	s.last = to
	if !joins {
		s.count++
	}
	switch n := len(s.list); {
	case joins && n == s.count:
		s.list[n-1].to = to
	case !joins && n < maxSpans:
		s.list = append(s.list, tickSpan{from, to})
	}
}

// clone returns a copy.
func (s *spans) clone() spans {
	c := *s
	c.list = slices.Clone(s.list)
	return c
}

func (s *spans) report() Spans {
	r := Spans{Total: s.total.Duration(), Count: s.count}
	for _, t := range s.list {
		r.List = append(r.List, Span{t.from.Duration(), (t.to - t.from).Duration()})
	}
	return r
}

// plus adds those of a later part of the recording.
func (s Spans) plus(later Spans) Spans {
	list := slices.Concat(s.List, later.List)
	return Spans{Total: s.Total + later.Total, Count: s.Count + later.Count, List: list[:min(len(list), maxSpans)]}
}
