package callreel

import (
	"slices"
	"time"
)

// omissionSlack is by how much the times and positions in documents, which are
// rounded, may differ from each other.
const omissionSlack = time.Millisecond

// omission is a span of the call that a recording leaves out.
type omission struct {
	start    time.Time
	duration time.Duration
	gap      bool // a pause otherwise
}

type omissions []omission

// omitted returns the pauses and gaps of a recording in order.
func omitted(res Result) omissions {
	out := make(omissions, 0, len(res.Pauses)+len(res.Gaps))
	for _, p := range res.Pauses {
		out = append(out, omission{start: p.Start, duration: p.Duration})
	}
	for _, g := range res.Gaps {
		out = append(out, omission{start: g.Start, duration: g.Duration, gap: true})
	}
	slices.SortStableFunc(out, func(a, b omission) int { return a.start.Compare(b.start) })
	return out
}

// omitted returns what is left out up to now. A pause that a stop begins is none.
func (r *Recording) omitted() (pauses []Pause, gaps []Gap) {
	pauses, gaps = append([]Pause{}, r.past.pauses...), slices.Clone(r.past.gaps)
	end := min(r.eng.clock.now(), r.session.stopped)
	for _, p := range r.session.timeline.intervals(end) {
		if p.former || p.to <= p.from {
			continue
		}
		start, duration := r.eng.clock.time(p.from), (p.to - p.from).Duration()
		if p.gap {
			gaps = append(gaps, Gap{start, duration})
		} else {
			pauses = append(pauses, Pause{start, duration})
		}
	}
	return pauses, gaps
}

// leftOut returns what the chunk leaves out.
func (r *Recording) leftOut(c Chunk) (out omissions) {
	var res Result
	res.Pauses, res.Gaps = r.omitted()
	for _, o := range omitted(res) {
		pos, _ := r.session.timeline.position(r.eng.clock.at(o.start))
		at := pos.Duration()
		if o.gap { // a chunk begins there, give or take rounding
			at += omissionSlack
		}
		if at >= c.Start && at < c.Start+c.Duration {
			out = append(out, o)
		}
	}
	return out
}
