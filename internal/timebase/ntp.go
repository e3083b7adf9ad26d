package timebase

import "time"

// FromNTP converts a 64-bit NTP timestamp (RFC 5905 section 6: seconds since
// 1900 and 32 bits of fraction) to ticks since the same epoch, rounding down.
// Senders may count from another epoch, such as their boot: only differences
// between timestamps of one sender mean anything.
func FromNTP(ntp uint64) Ticks {
	return Ticks((ntp>>32)*Second + (ntp&0xffffffff)*Second>>32)
}

// NTP returns the NTP timestamp of a time of day, rounded down.
func NTP(t time.Time) uint64 {
	const unixEpoch = 2208988800 // seconds from 1900 to 1970
	return uint64(t.Unix()+unixEpoch)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}
