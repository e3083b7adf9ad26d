package timebase

const (
	minSpan    = 20 * Second
	minBuckets = 8
)

// point is a value that was seen at a local time.
type point struct{ at, value Ticks }

// ahead returns what the value is at a later time when it grows by ppb parts
// per billion of the time that passes.
func (p point) ahead(now Ticks, ppb int64) Ticks { return p.value + scale(now-p.at, ppb) }

// scale returns ppb parts per billion of t, rounded down.
func scale(t Ticks, ppb int64) Ticks {
	if ppb < 0 {
		t, ppb = -t, -ppb
	}
	return Ticks(Convert(int64(t), 1e9, Rate(ppb)))
}

// minFilter keeps the least value of the last minSpan, to an eighth of it,
// measured along a line of a given slope. Time without values doesn't count, so
// that a track that was silent is still known when it speaks again.
type minFilter struct {
	buckets [minBuckets]point
	filled  int   // buckets that hold something
	head    int   // the newest
	number  int64 // of the newest: its time / (minSpan / minBuckets)
	best    point // the least of all buckets
}

// add takes a value; now doesn't go backwards.
func (f *minFilter) add(v, now Ticks, slope int64) {
	p := point{now, v}
	number := int64(now.Floor(minSpan/minBuckets) / (minSpan / minBuckets))
	if f.filled == 0 || number > f.number {
		f.head = (f.head + 1) % minBuckets
		f.filled = min(f.filled+1, minBuckets)
		f.number = number
		f.buckets[f.head] = p
		f.choose(slope)
		return
	}
	if b := &f.buckets[f.head]; b.ahead(now, slope) > v {
		*b = p
	}
	if f.best.ahead(now, slope) > v {
		f.best = p
	}
}

// choose finds the best point. Which one it is changes with the slope and with
// the buckets, but not with time.
func (f *minFilter) choose(slope int64) { f.best = f.newest(f.filled, slope) }

// newest returns the least point of the newest n buckets, of which there is one at least.
func (f *minFilter) newest(n int, slope int64) point {
	best := f.buckets[f.head]
	for i := 1; i < min(n, f.filled); i++ {
		p := f.buckets[(f.head-i+minBuckets)%minBuckets]
		if p.ahead(best.at, slope) < best.value {
			best = p
		}
	}
	return best
}

// restart makes p the only value.
func (f *minFilter) restart(p point) {
	*f = minFilter{}
	f.add(p.value, p.at, 0)
}
