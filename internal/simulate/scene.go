package simulate

import (
	"image"
	"image/color"
	"time"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/timebase"
)

// FlashTime is how long the flash and the beep last at each whole second.
const FlashTime = 100 * time.Millisecond

const flashTicks = timebase.Second / 10

// scene draws a participant's pictures. From one to the next it touches only
// what changes: the ball, digits, cells of the strip and the flash.
type scene struct {
	index   int
	picture *image.YCbCr // the newest
	still   *image.YCbCr // what never changes
	stage   image.Rectangle

	drawn    bool
	strip    uint64 // as drawn, like the rest
	lit      bool
	timecode timecode
	ball     ball
}

func newScene(cfg Config) (*scene, error) {
	painter, err := compositor.NewPainter()
	if err != nil {
		return nil, err
	}
	r := image.Rect(0, 0, cfg.Width, cfg.Height)
	s := &scene{
		index:   cfg.Index,
		picture: image.NewYCbCr(r, image.YCbCrSubsampleRatio420),
		still:   image.NewYCbCr(r, image.YCbCrSubsampleRatio420),
		stage:   stageOf(r),
	}
	drawBackground(s.still, compositor.LimitedRange(cfg.Color))
	drawName(s.still, painter, even(place(s.stage, namePlace())), cfg.Name)
	compositor.FillRect(s.still, even(place(s.stage, panelPlace())), black())
	compositor.FillRect(s.still, even(place(s.stage, flashPlace())), black())
	s.timecode = newTimecode(painter, even(place(s.stage, timecodePlace())))
	s.timecode.drawPanel(s.still)
	s.ball = newBall(place(s.stage, ballPlace()))
	copyRect(s.picture, s.still, r, r.Min)
	return s, nil
}

// draw returns the picture of a position. It is valid until the next call.
func (s *scene) draw(at timebase.Ticks) *image.YCbCr {
	s.drawStrip(stripOf(at, s.index).bits())
	s.drawFlash(at%timebase.Second < flashTicks)
	s.timecode.draw(s.picture, at)
	s.ball.draw(s.picture, s.still, at)
	s.drawn = true
	return s.picture
}

func (s *scene) drawStrip(bits uint64) {
	changed := bits ^ s.strip
	if !s.drawn {
		changed = ^uint64(0)
	}
	s.strip = bits
	for i := range stripCells {
		bit := uint64(1) << (stripCells - 1 - i)
		if changed&bit == 0 {
			continue
		}
		compositor.FillRect(s.picture, place(s.stage, stripCell(i)), onOff(bits&bit != 0))
	}
}

func (s *scene) drawFlash(lit bool) {
	if lit == s.lit {
		return
	}
	s.lit = lit
	compositor.FillRect(s.picture, place(s.stage, flashPlace()), onOff(lit))
}

// drawBackground draws a colour that gets darker towards the bottom.
func drawBackground(dst *image.YCbCr, c color.YCbCr) {
	const shade = 48
	h := dst.Rect.Dy()
	for y := range h {
		row := c
		row.Y = uint8(min(max(16, int(c.Y)+shade/2-y*shade/h), 235))
		compositor.FillRect(dst, image.Rect(0, y, dst.Rect.Dx(), y+1), row)
	}
}

// drawName writes a name as large as fits into r, or cut if that is too small.
func drawName(dst *image.YCbCr, painter *compositor.Painter, r image.Rectangle, name string) {
	trial := image.NewYCbCr(image.Rect(0, 0, 2, 2), image.YCbCrSubsampleRatio420)
	px := r.Dy() * 4 / 5
	for px > r.Dy()/3 && painter.DrawText(trial, image.Point{}, px, name, white()).Dx() > r.Dx() {
		px--
	}
	painter.DrawText(dst.SubImage(r).(*image.YCbCr), r.Min, px, name, white())
}

// Black and white of limited range.
func black() color.YCbCr { return color.YCbCr{Y: 16, Cb: 128, Cr: 128} }
func white() color.YCbCr { return color.YCbCr{Y: 235, Cb: 128, Cr: 128} }

func onOff(on bool) color.YCbCr {
	if on {
		return white()
	}
	return black()
}

// copyRect copies the part of src that begins at from to the part r of dst. All
// coordinates are even, and both parts lie in their pictures.
func copyRect(dst, src *image.YCbCr, r image.Rectangle, from image.Point) {
	w := r.Dx()
	for y := range r.Dy() {
		d, s := dst.YOffset(r.Min.X, r.Min.Y+y), src.YOffset(from.X, from.Y+y)
		copy(dst.Y[d:d+w], src.Y[s:])
	}
	for y := 0; y < r.Dy(); y += 2 {
		d, s := dst.COffset(r.Min.X, r.Min.Y+y), src.COffset(from.X, from.Y+y)
		copy(dst.Cb[d:d+w/2], src.Cb[s:])
		copy(dst.Cr[d:d+w/2], src.Cr[s:])
	}
}
