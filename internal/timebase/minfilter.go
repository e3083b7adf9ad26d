package timebase

import "math"

const minBuckets = 8

// minFilter keeps the least value seen during the last span, to an eighth of
// the span. Network delay only ever adds to a packet's arrival, so the least
// difference between arrival and sending is the best estimate of the clocks'
// offset; forgetting old values lets it follow a drifting clock.
type minFilter struct {
	span    Ticks
	started bool
	newest  int64 // number of the newest bucket: time / (span / minBuckets)
	least   [minBuckets]Ticks
}

func (f *minFilter) add(v, now Ticks) {
	n := int64(now.Floor(f.span/minBuckets) / (f.span / minBuckets))
	if !f.started {
		f.clear()
		f.started, f.newest = true, n
	}
	for ; f.newest < n && n-f.newest <= minBuckets; f.newest++ {
		f.least[bucket(f.newest+1)] = math.MaxInt64
	}
	if f.newest < n {
		f.clear()
		f.newest = n
	}
	i := bucket(f.newest)
	f.least[i] = min(f.least[i], v)
}

func bucket(n int64) int { return int(((n % minBuckets) + minBuckets) % minBuckets) }

func (f *minFilter) clear() {
	for i := range f.least {
		f.least[i] = math.MaxInt64
	}
}

// min returns the least value, and false if there is none.
func (f *minFilter) min() (Ticks, bool) {
	least := Ticks(math.MaxInt64)
	for _, v := range f.least {
		least = min(least, v)
	}
	return least, f.started && least != math.MaxInt64
}

// restart makes v the only value.
func (f *minFilter) restart(v, now Ticks) {
	f.started = false
	f.add(v, now)
}
