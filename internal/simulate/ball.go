package simulate

import (
	"image"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/timebase"
)

// Periods of the ball's ways from left to right and back, and up and down.
const (
	ballPeriodX = 4 * timebase.Second
	ballPeriodY = 3 * timebase.Second
)

// ball is a disc that moves in every frame, so that a frozen picture shows.
type ball struct {
	centres image.Rectangle // where the centre may be
	halves  []int           // half of the width of each row
	last    image.Rectangle // what was drawn over; empty at first
}

// newBall returns one that stays in r.
func newBall(r image.Rectangle) ball {
	radius := r.Dy() / 4
	b := ball{centres: r.Inset(radius)}
	for row := range 2 * radius {
		dy := 2*row + 1 - 2*radius // from the centre, in half pixels
		half := 0
		for 4*(half+1)*(half+1)+dy*dy <= 4*radius*radius {
			half++
		}
		b.halves = append(b.halves, half)
	}
	return b
}

// draw moves the ball in dst, where still is what lies behind it.
func (b *ball) draw(dst, still *image.YCbCr, at timebase.Ticks) {
	copyRect(dst, still, b.last, b.last.Min)
	radius := len(b.halves) / 2
	centre := b.centres.Min.Add(image.Pt(
		sway(at, ballPeriodX, b.centres.Dx()),
		sway(at, ballPeriodY, b.centres.Dy()),
	))
	for row, half := range b.halves {
		y := centre.Y - radius + row
		compositor.FillRect(dst, image.Rect(centre.X-half, y, centre.X+half, y+1), white())
	}
	r := image.Rectangle{Min: centre, Max: centre}
	b.last = even(r.Inset(-radius)).Intersect(dst.Rect)
}

// sway goes from 0 to span and back in a period, at an even speed.
func sway(at, period timebase.Ticks, span int) int {
	phase := at % period
	return int(min(phase, period-phase) * 2 * timebase.Ticks(span) / period)
}
