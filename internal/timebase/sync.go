package timebase

const (
	// maxShares and maxEras bound what a Sync remembers.
	maxShares = 32
	maxEras   = 8

	// shareLife is how long a track's word counts after its last packet, and
	// shortLife if its drift is not known yet.
	shareLife = 600 * Second
	shortLife = 60 * Second
)

// Sync relates one sender's NTP clock to the local clock. All tracks of a
// sender share one, so that they stay in sync with each other whatever their
// network delays are (RFC 3550 section 6.4.1). The zero value is ready to use.
// A Sync and its Maps are for one goroutine at a time.
type Sync struct {
	now    Ticks // local time of the newest packet of any track
	shares []share
	last   Ticks // what offset returned when it was last known

	// The sender's clock may be set. What tracks say is therefore related to its
	// first reading: eras[n % maxEras] is what to subtract after the n-th step.
	eras  [maxEras]era
	steps int
}

// share is what one track says about the offset local - NTP: its own quickest
// packet against its own reports.
type share struct {
	of     *Map
	sure   bool  // its reports and its arrival agree
	offset point // as they say now
	before point // as they said when they last agreed
	ppb    int64 // slope of both
	until  Ticks // when to forget it
}

// era is a span of the sender's clock without a step.
type era struct {
	seen  Ticks // local time by which it had begun
	shift Ticks // NTP less what the clock would show without steps
}

// NewMap returns the map of a track whose RTP clock runs at rate.
func (s *Sync) NewMap(rate Rate) *Map {
	return &Map{sync: s, rate: rate, rtp: Unwrapper{Bits: 32}}
}

// put replaces what a track said, and forgets those that were silent for long.
func (s *Sync) put(n share) {
	n.before = n.offset
	kept := s.shares[:0]
	for _, old := range s.shares {
		if old.of == n.of && !n.sure {
			n.before = old.before
		}
		if old.of != n.of && s.now <= old.until {
			kept = append(kept, old)
		}
	}
	clear(s.shares[len(kept):])
	if len(kept) == maxShares {
		kept = kept[:copy(kept, kept[1:])]
	}
	s.shares = append(kept, n)
}

// offset returns local - NTP: by the track with the least delay. A track in
// doubt has a say where it doesn't contradict the others. When none is sure, it
// is not known, and what it was is returned.
func (s *Sync) offset() (least Ticks, known bool) {
	for i := range s.shares {
		h := &s.shares[i]
		if v := h.offset.ahead(s.now, h.ppb); h.sure && (!known || v < least) {
			least, known = v, true
		}
	}
	if !known {
		return s.last, false
	}
	sure := least
	for i := range s.shares {
		if h := &s.shares[i]; !h.sure {
			if v := h.likely(sure, s.now); near(v, sure, JumpLimit) {
				least = min(least, v)
			}
		}
	}
	s.last = least
	return least, true
}

// likely returns which of the two things that a track in doubt says is nearer to
// what others are sure of. If its own RTP clock stepped, the offset is what it
// was; if the path changed, it is what arrival says now.
func (h *share) likely(sure, now Ticks) Ticks {
	was, is := h.before.ahead(now, h.ppb), h.offset.ahead(now, h.ppb)
	if abs(was-sure) < abs(is-sure) {
		return was
	}
	return is
}

// step notes that the sender's clock was set: from now on it shows shift more
// than if it never had been.
func (s *Sync) step(shift, seen Ticks) (number int) {
	s.steps++
	s.eras[s.steps%maxEras] = era{seen, shift}
	return s.steps
}

// oldest returns the number of the oldest step that is remembered.
func (s *Sync) oldest() int { return max(0, s.steps-maxEras+1) }

func (s *Sync) era(number int) era { return s.eras[number%maxEras] }
