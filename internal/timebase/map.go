package timebase

const (
	// SlewDivisor bounds how fast a map's offset is corrected: 1/100 of the time
	// that passes, which nobody sees or hears.
	SlewDivisor = 100
	// JumpLimit is the error beyond which a map jumps instead of slewing.
	JumpLimit = 300 * Millisecond

	// settling is how long a new map follows its estimate at once: what it dates
	// in that time is not played yet, so nobody sees or hears it move.
	settling = Second

	// maxExcess is how much later than the quickest track's a track's packets may
	// be. Reports that claim more are of a clock that stood still: nothing that
	// is heard now was said so long ago.
	maxExcess = Second

	// latest bounds local times either way, so that differences don't overflow.
	latest = Ticks(1) << 60
)

// Map turns a track's RTP timestamps into local time. Until the first sender
// report it goes by arrival; from then on by RTP -> NTP -> local, and by arrival
// again while packets and reports contradict each other. Changes of mind are
// slewed, and jump only beyond JumpLimit.
type Map struct {
	sync *Sync
	rate Rate
	rtp  Unwrapper

	started bool
	first   Ticks // local time of the first packet
	now     Ticks // of the newest
	arrival anchor
	reports relation
	early   report // one that comes too early to be judged
	excess  Ticks  // delay beyond the quickest track's, as the reports last told

	offset Ticks // local - RTP, as applied
	slewed Ticks // local time up to which the offset was slewed

	spread spread
	stats  MapStats
}

// Observe tells the map that a packet with timestamp rtp arrived now. Times that
// go back a little are taken as they are; the map's own time stands meanwhile.
func (m *Map) Observe(rtp uint32, now Ticks) {
	now = min(max(now, -latest), latest)
	v := now - FromRate(m.rtp.Unwrap(rtp), m.rate)
	if !m.started {
		m.first, m.now = now, now
	}
	m.now = max(m.now, now)
	m.sync.now = max(m.sync.now, m.now)
	if m.arrival.observe(v, m.now, m.fresh()) {
		m.reports.doubtful = true
	}
	m.spread.add(v-m.arrival.at(m.now), m.now)
	m.retry()
	if m.fresh() || m.reports.doubtful {
		m.share()
	}
	m.steer(m.target())
	m.started = true
}

// fresh reports whether the map has just begun.
func (m *Map) fresh() bool { return !m.started || m.now-m.first < settling }

// share tells the other tracks what this one knows of the sender's clock. It
// does so with each good report, which proves that RTP has not stepped since the
// one before, and with each packet only as long as everything is new or in doubt.
func (m *Map) share() {
	r := &m.reports
	if r.line.empty() {
		return
	}
	at, life := m.arrival.at(m.now), Ticks(shortLife)
	if m.arrival.drift.known {
		life = shareLife
	}
	m.sync.put(share{
		of: m, sure: !r.doubtful,
		offset: point{m.now, at - r.line.at(m.now-at)},
		ppb:    m.arrival.slope() - r.line.ppb,
		until:  m.now + life,
	})
}

// target returns the best estimate of local - RTP. A track whose reports can't
// be used keeps the distance to the others that they last told.
func (m *Map) target() Ticks {
	at := m.arrival.at(m.now)
	m.stats.ByReports = false
	if offset, known := m.sync.offset(); known && m.reports.usable() {
		target := m.reports.line.at(m.now-at) + offset
		if excess := at - target; -JumpLimit <= excess && excess <= maxExcess {
			m.stats.ByReports, m.excess = true, excess
		}
	}
	return at - m.excess
}

func (m *Map) steer(target Ticks) {
	diff := target - m.offset
	beyond := !near(target, m.offset, JumpLimit)
	if m.fresh() || beyond {
		if !m.fresh() {
			m.stats.Jumps++
		}
		m.offset, m.slewed = target, m.now
		return
	}
	step := (m.now - m.slewed) / SlewDivisor
	m.slewed += step * SlewDivisor
	m.offset += min(max(diff, -step), step)
}

// At returns the local time of timestamp rtp, and false before the first
// Observe. Nothing is dated more than JumpLimit after the sender's newest packet,
// so that what was sent before an RTP clock stepped back is not waited for.
func (m *Map) At(rtp uint32) (Ticks, bool) {
	return min(m.ticks(rtp)+m.offset, m.sync.now+JumpLimit), m.started
}

func (m *Map) ticks(rtp uint32) Ticks { return FromRate(m.rtp.Peek(rtp), m.rate) }

// Reset forgets the track's RTP clock, as after a change of SSRC. What is known
// of the sender's NTP clock and of the track's delay stays, and so do the counts.
func (m *Map) Reset() {
	n := m.sync.NewMap(m.rate)
	n.excess, n.stats = m.excess, m.stats
	n.reports.era, n.reports.shift = m.reports.era, m.reports.shift
	*m = *n
}
