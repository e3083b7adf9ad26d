package timebase

// confirm is for how long an offset must be beyond JumpLimit until it is
// believed. With the time until the next packet it is half a second.
const confirm = 400 * Millisecond

// patience is for how long an offset may be beyond JumpLimit in one way or another
// until one of them is believed: where packets come in bursts that are far apart,
// none is ever confirmed.
const patience = 5 * Second

// anchor estimates an offset from values that are never too small, because the
// network only ever adds delay: their least, along the slope at which the two
// clocks drift apart.
type anchor struct {
	window minFilter
	drift  drift

	beyond bool  // the last values were all beyond JumpLimit
	since  Ticks // local time of the first of them
	first  point // of the last of them that are all near to it
	least  point // of these
}

// observe takes a value and reports whether the estimate jumped. When everything
// seen for a while is beyond JumpLimit, the sender's clock has stalled or
// stepped, and the past is forgotten at once. A value alone proves nothing,
// except while the anchor is new and has seen little more than that.
func (a *anchor) observe(v, now Ticks, fresh bool) (jumped bool) {
	if a.window.filled > 0 {
		off := v - a.at(now)
		if off > JumpLimit || !fresh && off < -JumpLimit {
			return a.suspect(point{now, v})
		}
	}
	a.beyond = false
	a.add(point{now, v})
	return false
}

func (a *anchor) add(p point) {
	changed := a.drift.add(p)
	a.window.add(p.value, p.at, a.slope())
	if changed {
		a.window.choose(a.slope())
	}
}

// suspect takes a value beyond JumpLimit. Values that fall quickly are of what
// was held up and is catching up.
func (a *anchor) suspect(p point) (jumped bool) {
	if !a.beyond {
		a.beyond, a.since, a.first, a.least = true, p.at, p, p
	}
	if !near(p.value, a.first.value, JumpLimit) {
		a.first, a.least = p, p
	}
	if p.value < a.least.value {
		a.least = p
	}
	if p.at-a.first.at < confirm && p.at-a.since < patience {
		return false
	}
	a.beyond = false
	a.window.restart(a.least)
	return true
}

// slope is that of the estimate: what of the drift could be jitter is left out,
// as it would only add to it.
func (a *anchor) slope() int64 { return a.drift.least }

// at returns the estimate at a time; there must have been a value.
func (a *anchor) at(now Ticks) Ticks { return a.window.best.ahead(now, a.slope()) }

// recent is at, from the last 2.5 to 5 s alone.
func (a *anchor) recent(now Ticks) Ticks {
	return a.window.newest(2, a.slope()).ahead(now, a.slope())
}

// near reports whether a and b are at most limit apart.
func near(a, b, limit Ticks) bool { return a-b <= limit && b-a <= limit }
