package timebase

// MapStats counts what happened to a track's clock, over all its SSRCs.
type MapStats struct {
	// Jumps counts corrections beyond JumpLimit, which were not slewed.
	Jumps int64
	// Reports counts sender reports with a wall clock.
	Reports int64
	// Outliers counts those of them that contradicted all others.
	Outliers int64
	// NTPSteps counts how often the sender's wall clock was set.
	NTPSteps int64
	// ByReports is whether the track is dated by its sender reports now, and so
	// in sync with the participant's other tracks. Otherwise it goes by arrival.
	ByReports bool
}

// Stats returns the counts so far.
func (m *Map) Stats() MapStats { return m.stats }

// Drift returns by how much the sender's RTP clock is fast against the local
// clock, in parts per billion: negative is slow. It is known after about a
// minute with packets, and then exact to some tens of ppm.
func (m *Map) Drift() (ppb int64, known bool) {
	return -m.arrival.drift.ppb, m.arrival.drift.known
}

// Spread returns how unevenly packets arrive: the 95th percentile of their delay
// beyond the least one, over the last 10 to 20 s, exact to an eighth. It is
// zero before the first packet.
func (m *Map) Spread() Ticks { return m.spread.percentile(95) }
