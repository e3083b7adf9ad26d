package timebase

// report is the sender information of an RTCP sender report.
type report struct {
	some bool
	ntp  Ticks
	rtp  uint32
}

// Report tells the map that the sender's clock showed ntp at RTP time rtp (the
// sender information of an RTCP sender report, RFC 3550 section 6.4.1). A sender
// without a clock reports 0, which tells nothing. One that comes before any
// packet is kept until there are some. Those that contradict what is known are
// ignored until they agree with each other for some seconds.
func (m *Map) Report(ntp uint64, rtp uint32) {
	if ntp == 0 {
		return
	}
	m.stats.Reports++
	r := report{true, FromNTP(ntp), rtp}
	switch {
	case m.started && m.accept(r):
	case m.fresh():
		m.early = r
	default:
		m.ponder(r)
	}
}

// retry judges a report again that came too early, while the map is new.
func (m *Map) retry() {
	if !m.early.some {
		return
	}
	if m.accept(m.early) {
		m.early.some = false
	} else if !m.fresh() {
		m.early.some = false
		m.stats.Outliers++
	}
}

// accept uses a report if it can be related to what is known.
func (m *Map) accept(r report) bool {
	x := m.ticks(r.rtp)
	if !m.reachable(x) {
		return false
	}
	y := r.ntp - x
	m.catchUp()
	return m.continues(x, y) || m.begins(x, y)
}

// reachable reports whether RTP time x is anywhere near the present.
func (m *Map) reachable(x Ticks) bool {
	now := m.sync.now
	return near(x, now-m.arrival.at(now), reach)
}

// catchUp applies steps of the sender's clock that another track noticed and
// that were over when this one's first report came.
func (m *Map) catchUp() {
	r := &m.reports
	for n := max(r.era, r.aware, m.sync.oldest()-1) + 1; n <= m.sync.steps && !r.line.empty(); n++ {
		if e := m.sync.era(n); r.born >= e.seen {
			r.line.shift(r.shift - e.shift)
			r.enter(m.sync, n)
		}
	}
}

// continues uses a report that lies on the track's line: in the same era of the
// sender's clock, or in a later one that another track has told of.
func (m *Map) continues(x, y Ticks) bool {
	r := &m.reports
	now := m.sync.now
	if r.fits(x, y-r.shift, now) {
		m.stats.Outliers += r.puzzle.n
		m.take(x, y)
		return true
	}
	for n := max(r.era+1, m.sync.oldest()); n <= m.sync.steps; n++ {
		if r.fits(x, y-m.sync.era(n).shift, now) {
			r.enter(m.sync, n)
			m.stats.NTPSteps++
			m.take(x, y)
			return true
		}
	}
	return false
}

// begins makes a report the first of a new line: when it is the first, or when
// it explains why packets came at another time than they should have.
func (m *Map) begins(x, y Ticks) bool {
	r := &m.reports
	switch {
	case r.line.empty():
		return m.joins(x, y)
	case r.doubtful && near(y-r.shift-r.line.at(x), m.moved(m.arrival.at(m.sync.now)), JumpLimit):
		r.restart(x, y-r.shift, m.sync)
		m.take(x, y)
		return true
	}
	return false
}

// joins uses the first report of a track if it agrees with the other tracks in
// some era of the sender's clock, or if there are none.
func (m *Map) joins(x, y Ticks) bool {
	offset, known := m.sync.offset()
	at := m.arrival.at(m.sync.now)
	for n := m.sync.steps; n >= m.sync.oldest(); n-- {
		shift := m.sync.era(n).shift
		if !known || near(at-(y-shift), offset, maxExcess) {
			m.reports.enter(m.sync, n)
			m.reports.restart(x, y-shift, m.sync)
			m.take(x, y)
			return true
		}
	}
	return false
}

// moved returns by how much an offset by arrival is off from the one at the
// last good report.
func (m *Map) moved(at Ticks) Ticks {
	return at - m.reports.fit.ahead(m.sync.now, m.arrival.slope())
}

// take adds a report to the line, lays all doubts to rest, and lets others know.
func (m *Map) take(x, y Ticks) {
	r := &m.reports
	r.line.add(x, y-r.shift)
	r.fit = point{m.sync.now, m.arrival.at(m.sync.now)}
	r.doubtful, r.puzzle = false, puzzle{}
	m.share()
}

// ponder takes a report that contradicts what is known. If others agree with it
// for long enough, either the sender's clock or the track's RTP clock was set;
// the arrival of packets tells which.
func (m *Map) ponder(r report) {
	x := m.ticks(r.rtp)
	if !m.reachable(x) {
		m.stats.Outliers++
		return
	}
	y, p := r.ntp-x, &m.reports.puzzle
	off := y - m.reports.shift - m.expected(x)
	m.stats.Outliers += p.add(off, m.sync.now)
	if !p.solved(m.sync.now) {
		return
	}
	off = p.mean()
	y = m.expected(x) + off + m.reports.shift
	recent := m.arrival.recent(m.sync.now)
	if moved := m.moved(recent); m.reports.usable() && near(off, moved, abs(moved)) {
		m.arrival.window.restart(point{m.sync.now, recent})
		m.reports.restart(x, y-m.reports.shift, m.sync)
	} else {
		m.step(x, y, off)
	}
	m.take(x, y)
}

// step believes that the sender's clock was set. The line stays if there is one
// to be trusted.
func (m *Map) step(x, y, by Ticks) {
	r := &m.reports
	r.enter(m.sync, m.sync.step(r.shift+by, r.puzzle.from))
	m.stats.NTPSteps++
	if !r.usable() {
		r.restart(x, y-r.shift, m.sync)
	}
}

// expected returns the NTP - RTP that a report at RTP time x should tell: by the
// line, or else by arrival and what other tracks know.
func (m *Map) expected(x Ticks) Ticks {
	if m.reports.usable() {
		return m.reports.line.at(x)
	}
	offset, _ := m.sync.offset()
	return m.arrival.at(m.sync.now) - m.excess - offset
}

func abs(t Ticks) Ticks { return max(t, -t) }
