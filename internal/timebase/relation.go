package timebase

const (
	// reportError is how far a report may be off and still be of use; real
	// senders are off by a few ms.
	reportError = 20 * Millisecond
	// agedError is what is added to it per time since the last good report, as
	// the clocks may have drifted: one part in so many, up to JumpLimit.
	agedError = 2000

	// reach is how far the RTP time of a report may be from the newest packets.
	reach = 60 * Second

	// puzzling is for how long reports must agree with each other, and with
	// nothing before them, until they are believed. Nothing is lost meanwhile:
	// what was known still holds if the sender's clock was set, and a track
	// whose RTP clock stepped goes by arrival.
	puzzling = 5 * Second
)

// relation is what a track's reports say about NTP - RTP, as a line over RTP.
type relation struct {
	line line
	born Ticks // local time of the line's first report
	fit  point // local - RTP by arrival when a report last fitted

	era   int   // number of the step of the sender's clock up to which
	shift Ticks // the line's NTP is corrected, and by how much
	aware int   // steps that were known when the line was born

	// doubtful is set when packets say that RTP or the path stepped, until a
	// report tells which.
	doubtful bool
	puzzle   puzzle
}

// puzzle is a series of reports that agree with each other only.
type puzzle struct {
	n    int64
	from Ticks // local time of the first
	off  Ticks // of the first, from what was expected
	sum  Ticks // of the differences from off
}

func (p *puzzle) mean() Ticks { return p.off + p.sum/Ticks(p.n) }

// add takes a report that is off from what is expected, and returns how many
// earlier ones it contradicts.
func (p *puzzle) add(off, now Ticks) (contradicted int64) {
	if p.n > 0 && p.n < maxWeight && near(off, p.mean(), reportError) {
		p.sum += off - p.off
		p.n++
		return 0
	}
	contradicted = p.n
	*p = puzzle{n: 1, from: now, off: off}
	return contradicted
}

// solved reports whether the reports are to be believed.
func (p *puzzle) solved(now Ticks) bool { return p.n >= 2 && now-p.from >= puzzling }

// usable reports whether the track may be dated by its reports.
func (r *relation) usable() bool { return !r.line.empty() && !r.doubtful }

// fits reports whether y at RTP time x is what the line predicts.
func (r *relation) fits(x, y, now Ticks) bool {
	aged := max(0, now-r.fit.at) / agedError
	return !r.line.empty() && near(y, r.line.at(x), min(reportError+aged, JumpLimit))
}

// restart makes a report the only one.
func (r *relation) restart(x, y Ticks, s *Sync) {
	r.line.restart(x, y)
	r.born, r.aware = s.now, s.steps
}

// enter moves on to an era of the sender's clock. The line stays.
func (r *relation) enter(s *Sync, number int) {
	r.era, r.shift = number, s.era(number).shift
}
