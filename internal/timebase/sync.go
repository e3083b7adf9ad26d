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

	longSpan  = 20 * Second
	shortSpan = 500 * Millisecond
)

// anchor estimates an offset from observations that are never too small.
type anchor struct {
	long, short minFilter
}

// observe adds a value. When everything seen lately is beyond JumpLimit, the
// sender's clock has stalled or stepped, so the past is forgotten at once.
func (a *anchor) observe(v, now Ticks) {
	a.long.span, a.short.span = longSpan, shortSpan
	since, was := a.short.newest, a.short.started
	a.long.add(v, now)
	a.short.add(v, now)
	recent, ok := a.short.min()
	least, _ := a.long.min()
	if ok && was && since < a.short.newest && recent-least > JumpLimit {
		a.long.restart(recent, now)
	}
}

// Sync relates one sender's NTP clock to the local clock. All tracks of a
// sender share one, so that they stay in sync with each other whatever their
// network delays are (RFC 3550 section 6.4.1). The zero value is ready to use.
// A Sync and its Maps are for one goroutine at a time.
type Sync struct {
	offset anchor // local - NTP
}

// NewMap returns the map of a track whose RTP clock runs at rate.
func (s *Sync) NewMap(rate Rate) *Map {
	return &Map{sync: s, rate: rate, rtp: Unwrapper{Bits: 32}}
}

// Map turns a track's RTP timestamps into local time. Until the first sender
// report it goes by arrival; from then on by RTP -> NTP -> local. Changes of
// mind are slewed, and jump only beyond JumpLimit.
type Map struct {
	sync *Sync
	rate Rate
	rtp  Unwrapper

	arrival  anchor // local - RTP, from arrival alone
	reported bool
	ntp      Ticks // NTP - RTP, from the newest report

	started bool
	first   Ticks // local time of the first packet
	offset  Ticks // local - RTP, as applied
	slewed  Ticks // local time up to which the offset was slewed
}

func (m *Map) ticks(rtp uint32) Ticks { return FromRate(m.rtp.Peek(rtp), m.rate) }

// Observe tells the map that a packet with timestamp rtp arrived now.
func (m *Map) Observe(rtp uint32, now Ticks) {
	t := FromRate(m.rtp.Unwrap(rtp), m.rate)
	m.arrival.observe(now-t, now)
	if m.reported {
		m.sync.offset.observe(now-t-m.ntp, now)
	}
	m.steer(now)
}

// Report tells the map that the sender's clock showed ntp at RTP time rtp (the
// sender information of an RTCP sender report, RFC 3550 section 6.4.1). Reports
// that come before any packet are ignored: they can't be related to anything.
func (m *Map) Report(ntp uint64, rtp uint32) {
	if !m.started {
		return
	}
	m.ntp = FromNTP(ntp) - m.ticks(rtp)
	m.reported = true
}

// target returns the best estimate of local - RTP.
func (m *Map) target() Ticks {
	byArrival, _ := m.arrival.long.min()
	if !m.reported {
		return byArrival
	}
	offset, ok := m.sync.offset.long.min()
	if !ok {
		return byArrival
	}
	return m.ntp + offset
}

func (m *Map) steer(now Ticks) {
	target := m.target()
	diff := target - m.offset
	if !m.started {
		m.started, m.first = true, now
	}
	if now-m.first < settling || diff > JumpLimit || diff < -JumpLimit {
		m.offset, m.slewed = target, now
		return
	}
	step := (now - m.slewed) / SlewDivisor
	if step <= 0 {
		return
	}
	m.slewed += step * SlewDivisor
	m.offset += min(max(diff, -step), step)
}

// At returns the local time of timestamp rtp, and false before the first Observe.
func (m *Map) At(rtp uint32) (Ticks, bool) {
	return m.ticks(rtp) + m.offset, m.started
}

// Reset forgets the track's RTP clock, as after a change of SSRC. What is known
// of the sender's NTP clock stays.
func (m *Map) Reset() { *m = *m.sync.NewMap(m.rate) }
