package callreel

import (
	"math"

	"github.com/callreel/callreel/internal/timebase"
)

// sampleTicks is the length of a sample of the mix (16 kHz) in ticks.
const sampleTicks = timebase.Second / mixRate

// never is an instant that does not come. Spans may be added to it.
const never = timebase.Ticks(math.MaxInt64 / 2)

// pauseSpan is a pause in local time, or a gap: what a crash has taken. While it
// lasts, to is never.
type pauseSpan struct {
	from, to timebase.Ticks
	gap      bool
	former   bool // of an earlier run, which has told it
}

// timeline relates local time to the session position, which leaves out pauses
// and gaps. Each pause begins on a sample of the mix, so that a cut falls between
// samples.
type timeline struct {
	start  timebase.Ticks // local
	pauses []pauseSpan
}

func (t *timeline) paused() bool {
	return len(t.pauses) > 0 && t.pauses[len(t.pauses)-1].to == never
}

// pause begins a pause and returns its first instant, which is at most a sample before at.
func (t *timeline) pause(at timebase.Ticks) timebase.Ticks {
	if t.paused() {
		return t.pauses[len(t.pauses)-1].from
	}
	pos, _ := t.position(max(at, t.start))
	from := t.local(pos.Floor(sampleTicks))
	t.pauses = append(t.pauses, pauseSpan{from: from, to: never})
	return from
}

// resume ends the pause at local time at.
func (t *timeline) resume(at timebase.Ticks) {
	if t.paused() {
		last := &t.pauses[len(t.pauses)-1]
		last.to = max(at, last.from)
	}
}

// bridge makes what is not a pause between two local times a gap.
func (t *timeline) bridge(from, to timebase.Ticks) {
	all := make([]pauseSpan, 0, len(t.pauses)+2)
	for _, p := range t.pauses {
		if p.from > from {
			all = append(all, pauseSpan{from: from, to: p.from, gap: true})
		}
		all = append(all, p)
		from = max(from, p.to)
	}
	if to > from {
		all = append(all, pauseSpan{from: from, to: to, gap: true})
	}
	t.pauses = all
}

// position returns the session position of a local time. For a time within a
// pause it is where the pause is, and recorded is false, as before the start.
func (t *timeline) position(local timebase.Ticks) (pos timebase.Ticks, recorded bool) {
	if local < t.start {
		return 0, false
	}
	out := timebase.Ticks(0)
	for _, p := range t.pauses {
		if local < p.from {
			break
		}
		if local < p.to {
			return p.from - t.start - out, false
		}
		out += p.to - p.from
	}
	return local - t.start - out, true
}

// since returns the local time of the start, or of the end of the pause, that local
// time at comes after.
func (t *timeline) since(at timebase.Ticks) timebase.Ticks {
	since := t.start
	for _, p := range t.pauses {
		if at < p.to {
			break
		}
		since = p.to
	}
	return since
}

// left returns how long it is from local time at to the next pause.
func (t *timeline) left(at timebase.Ticks) timebase.Ticks {
	for _, p := range t.pauses {
		if at < p.from {
			return p.from - at
		}
	}
	return never
}

// local returns the local time of a position; where a pause is, the time after
// it. For a position that is not reached because of a pause it is never.
func (t *timeline) local(pos timebase.Ticks) timebase.Ticks {
	at := t.start + pos
	for _, p := range t.pauses {
		if at < p.from {
			break
		}
		if p.to == never {
			return never
		}
		at += p.to - p.from
	}
	return at
}

// end returns the local time at which everything before pos has happened.
func (t *timeline) end(pos timebase.Ticks) timebase.Ticks {
	last := t.local(pos - 1)
	if last == never {
		return never
	}
	return last + 1
}

// intervals returns the pauses and gaps up to local time end.
func (t *timeline) intervals(end timebase.Ticks) []pauseSpan {
	out := make([]pauseSpan, 0, len(t.pauses))
	for _, p := range t.pauses {
		p.to = min(p.to, max(end, p.from))
		out = append(out, p)
	}
	return out
}
