package timebase

const (
	maxCells  = 32
	cellSpan  = 20 * Second
	lineSpan  = 900 * Second // bounds distances, so that sums of squares fit
	maxWeight = 64           // of a cell, likewise

	// slopePrior weighs what is known of a clock before it is measured: that it
	// drifts by some 100 ppm, read off with an error of some 3 ms. The unit is
	// ticks²: (3 ms / 100 ppm)². Without it two early reports, a few ms off,
	// would make a slope that nobody's clock has.
	slopePrior = 30 * Second * 30 * Second
)

// cell is the sum of reports that came within cellSpan.
type cell struct {
	x, y       Ticks // of the first
	sumX, sumY Ticks // of the differences from the first
	n          int64
}

func (c *cell) add(x, y Ticks) {
	if c.n == 0 {
		c.x, c.y = x, y
	}
	if c.n < maxWeight {
		c.sumX += x - c.x
		c.sumY += y - c.y
		c.n++
	}
}

func (c *cell) mean() (x, y Ticks) {
	return c.x + c.sumX/Ticks(c.n), c.y + c.sumY/Ticks(c.n)
}

// line is the linear regression of y on x over the last minutes, where y hardly
// changes. Sums are exact; only the slope is a ratio of floats.
type line struct {
	cells [maxCells]cell // oldest first
	n     int

	meanX, meanY Ticks
	ppb          int64 // slope
}

func (l *line) empty() bool { return l.n == 0 }

// at returns y at x.
func (l *line) at(x Ticks) Ticks { return l.meanY + scale(x-l.meanX, l.ppb) }

// add takes a point that is near the line. One that is older than the newest
// cell tells nothing new.
func (l *line) add(x, y Ticks) {
	if l.n > 0 && x < l.cells[l.n-1].x {
		return
	}
	if l.n == 0 || x-l.cells[l.n-1].x >= cellSpan {
		l.open(x)
	}
	l.cells[l.n-1].add(x, y)
	l.fit()
}

// open begins a cell at x, and drops those that are too old or too many.
func (l *line) open(x Ticks) {
	old := 0
	for old < l.n && (l.n-old == maxCells || x-l.cells[old].x > lineSpan) {
		old++
	}
	l.n = copy(l.cells[:], l.cells[old:l.n])
	l.cells[l.n] = cell{}
	l.n++
}

// restart makes a point the only one.
func (l *line) restart(x, y Ticks) {
	*l = line{}
	l.add(x, y)
}

// shift moves the line by d.
func (l *line) shift(d Ticks) {
	for i := range l.n {
		l.cells[i].y += d
	}
	l.meanY += d
}

func (l *line) fit() {
	x0, y0 := l.cells[0].x, l.cells[0].y
	var sumX, sumY Ticks
	var n int64
	for i := range l.n {
		c := &l.cells[i]
		sumX += c.sumX + Ticks(c.n)*(c.x-x0)
		sumY += c.sumY + Ticks(c.n)*(c.y-y0)
		n += c.n
	}
	l.meanX, l.meanY = x0+sumX/Ticks(n), y0+sumY/Ticks(n)
	var xx, xy int64
	for i := range l.n {
		x, y := l.cells[i].mean()
		dx, dy := int64(x-l.meanX), int64(y-l.meanY)
		xx += l.cells[i].n * dx * dx
		xy += l.cells[i].n * dx * dy
	}
	slope := 1e9 * float64(xy) / (float64(xx) + slopePrior)
	l.ppb = int64(min(max(slope, -2*maxDrift), 2*maxDrift))
}
