package simulate

import (
	"fmt"
	"image"
	"strings"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/timebase"
)

const (
	timecodeRunes  = "0123456789:."
	timecodeLength = len("000:00:00.000")
)

// timecode writes hours, minutes, seconds and milliseconds with runes drawn once.
type timecode struct {
	panel image.Rectangle
	cell  image.Point  // of a rune
	runes *image.YCbCr // one below the other
	shown string
}

// newTimecode returns one that fits r, whose corners are even.
func newTimecode(painter *compositor.Painter, r image.Rectangle) timecode {
	cell := image.Pt(r.Dx()/timecodeLength&^1, r.Dy())
	all := image.Rect(0, 0, cell.X, cell.Y*len(timecodeRunes))
	t := timecode{panel: r, cell: cell, runes: image.NewYCbCr(all, image.YCbCrSubsampleRatio420)}
	compositor.FillRect(t.runes, all, black())
	px := min(cell.X*8/5, cell.Y*4/5)
	for i, c := range timecodeRunes {
		at := image.Pt(0, i*cell.Y)
		part := t.runes.SubImage(image.Rectangle{Min: at, Max: at.Add(cell)}).(*image.YCbCr)
		painter.DrawText(part, at, px, string(c), white())
	}
	return t
}

func (t *timecode) drawPanel(dst *image.YCbCr) { compositor.FillRect(dst, t.panel, black()) }

func (t *timecode) draw(dst *image.YCbCr, at timebase.Ticks) {
	ms := at / timebase.Millisecond
	text := fmt.Sprintf("%03d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
	for i := range timecodeLength {
		if t.shown != "" && t.shown[i] == text[i] {
			continue
		}
		corner := t.panel.Min.Add(image.Pt(i*t.cell.X, 0))
		from := image.Pt(0, strings.IndexByte(timecodeRunes, text[i])*t.cell.Y)
		copyRect(dst, t.runes, image.Rectangle{Min: corner, Max: corner.Add(t.cell)}, from)
	}
	t.shown = text
}
