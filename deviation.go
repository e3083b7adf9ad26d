package callreel

import (
	"math/bits"
	"time"
)

// deviation sums up how far the samples of a voice are from their places.
type deviation struct {
	sum   int64 // in samples of the mix
	count int64
	ms    [64]int64 // counts by milliseconds either way, the last one for all above
}

// add takes in a packet that comes off samples too early; negative is late.
func (d *deviation) add(off int64) {
	d.sum += off
	d.count++
	ms := max(off, -off) * 1000 / mixRate
	d.ms[min(ms, int64(len(d.ms)-1))]++
}

// mean returns how late the samples are on average.
func (d *deviation) mean() time.Duration {
	if d.count == 0 {
		return 0
	}
	return -ticks(d.sum).Duration() / time.Duration(d.count)
}

// p95 returns how far off 95 % of the samples are at most.
func (d *deviation) p95() time.Duration {
	return time.Duration(percentile(d.ms[:], 95)+1) * time.Millisecond * time.Duration(min(d.count, 1))
}

// percentile returns the first place up to which p percent of the counts are.
func percentile(counts []int64, p int64) int {
	var all, sum int64
	for _, n := range counts {
		all += n
	}
	for i, n := range counts {
		if sum += n; sum*100 >= all*p {
			return i
		}
	}
	return len(counts) - 1
}

// lateness sums up how late frames are composed.
type lateness struct {
	most time.Duration
	sum  time.Duration
	log2 [LatenessBuckets]int64 // counts by the bits of the milliseconds
}

func (l *lateness) add(d time.Duration) {
	l.most = max(l.most, d)
	l.sum += max(d, 0)
	l.log2[min(bits.Len64(uint64(max(d, 0).Milliseconds())), len(l.log2)-1)]++
}

// p95 returns how late 95 % of the frames are at most.
func (l *lateness) p95() time.Duration {
	return time.Duration(int64(1)<<percentile(l.log2[:], 95)) * time.Millisecond
}
