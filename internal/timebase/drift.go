package timebase

import "slices"

const (
	blockSpan = 10 * Second
	maxBlocks = 24

	// minSlopes is how many slopes make a median worth believing.
	minSlopes = 3
	// maxDrift is the greatest slope of an offset that is a clock's, in parts per
	// billion: two clocks of ±200 ppm and a margin. Steeper is a step.
	maxDrift = 500_000
)

// drift learns the slope of an offset's lower edge: by how much one clock runs
// away from another. It compares the minima of blocks of time that lie some
// blocks apart and takes the median, so that steps of the path do not count.
type drift struct {
	blocks  [maxBlocks]point // oldest first
	n       int
	current point // the least of the block that is not over
	began   Ticks // of that block
	started bool

	ppb   int64 // best guess of the slope
	least int64 // as much of it as is beyond doubt
	known bool
}

// add takes a value and reports whether the slope changed.
func (d *drift) add(p point) bool {
	over := d.started && p.at-d.began >= blockSpan
	if over {
		d.push(d.current)
	}
	if over || !d.started {
		d.started, d.began, d.current = true, p.at, p
	}
	if p.value < d.current.value {
		d.current = p
	}
	return over && d.estimate()
}

func (d *drift) push(p point) {
	if d.n == maxBlocks {
		d.n = copy(d.blocks[:], d.blocks[1:])
	}
	d.blocks[d.n] = p
	d.n++
}

func (d *drift) estimate() bool {
	var slopes [maxBlocks]int64
	n := 0
	for i, lag := 0, max(2, d.n/4); i+lag < d.n; i++ {
		a, b := d.blocks[i], d.blocks[i+lag]
		rise, limit := b.value-a.value, scale(b.at-a.at, maxDrift)
		if -limit <= rise && rise <= limit && b.at > a.at {
			slopes[n] = Convert(int64(rise), Rate(b.at-a.at), 1e9)
			n++
		}
	}
	if n < minSlopes {
		return false
	}
	slices.Sort(slopes[:n])
	d.ppb, d.known = slopes[n/2], true
	doubt := (slopes[n*3/4] - slopes[n/4]) / 2
	d.least = d.ppb - min(max(d.ppb, -doubt), doubt)
	return true
}
