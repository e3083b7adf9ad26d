package timebase

// FromNTP converts a 64-bit NTP timestamp (RFC 5905 section 6: seconds since
// 1900 and 32 bits of fraction) to ticks since the same epoch, rounding down.
// Senders may count from another epoch, such as their boot: only differences
// between timestamps of one sender mean anything.
func FromNTP(ntp uint64) Ticks {
	return Ticks((ntp>>32)*Second + (ntp&0xffffffff)*Second>>32)
}

// ToNTP is the inverse of FromNTP, rounded down to the NTP fraction.
func (t Ticks) ToNTP() uint64 {
	s := uint64(t) / Second
	f := uint64(t) % Second
	return s<<32 | f<<32/Second
}
