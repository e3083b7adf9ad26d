package timebase

// Unwrapper extends a counter of Bits bits that wraps around (an RTP timestamp
// has 32, RFC 3550 section 5.1; a sequence number 16) to 64 bits. Each value is
// taken as the one nearest to the newest seen so far, so reordering across the
// wrap is harmless. The zero value with Bits set is ready to use.
type Unwrapper struct {
	Bits uint // 1 to 32

	started bool
	newest  int64
}

// Unwrap returns the extended value of v. The first value is returned as it is.
func (u *Unwrapper) Unwrap(v uint32) int64 {
	if !u.started {
		u.started = true
		u.newest = int64(v)
		return u.newest
	}
	x := u.Peek(v)
	u.newest = max(u.newest, x)
	return x
}

// Peek returns what Unwrap would, without moving on.
func (u *Unwrapper) Peek(v uint32) int64 {
	if !u.started {
		return int64(v)
	}
	span := int64(1) << u.Bits
	diff := (int64(v) - u.newest) & (span - 1)
	if diff >= span/2 {
		diff -= span
	}
	return u.newest + diff
}

// Reset forgets everything, as after a change of SSRC.
func (u *Unwrapper) Reset() { u.started, u.newest = false, 0 }
