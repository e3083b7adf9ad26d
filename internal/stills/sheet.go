package stills

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"time"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/codec"
)

const (
	sheetColumns = 3
	sheetGap     = 8  // pixels around each picture
	sheetText    = 20 // height of the text in pixels
	sheetMax     = 24 // pictures
)

// Sheet draws the key frames of a fragmented MP4 side by side, each of the given
// size and with its time, at most 24 of them spread over the file.
func Sheet(r io.ReadSeeker, size image.Point) (image.Image, error) {
	var times []time.Duration
	if err := KeyFrames(r, func(s Still) error { times = append(times, s.At); return nil }); err != nil {
		return nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	step := (len(times) + sheetMax - 1) / sheetMax
	if step == 0 {
		return nil, ErrNoVideo
	}
	s, err := newSheet((len(times)+step-1)/step, size)
	if err != nil {
		return nil, err
	}
	defer s.scaler.Close()
	n := 0
	err = KeyFrames(r, func(still Still) error {
		defer func() { n++ }()
		if n%step != 0 {
			return nil
		}
		return s.place(n/step, still)
	})
	return s.rgba(), err
}

type sheet struct {
	canvas  *image.YCbCr
	size    image.Point
	painter *compositor.Painter
	scaler  codec.Scaler
}

func newSheet(n int, size image.Point) (*sheet, error) {
	painter, err := compositor.NewPainter()
	if err != nil {
		return nil, err
	}
	columns := min(n, sheetColumns)
	rows := (n + columns - 1) / columns
	w := sheetGap + columns*(size.X+sheetGap)
	h := sheetGap + rows*(size.Y+sheetText+2*sheetGap)
	s := &sheet{
		canvas: image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420),
		size:   size, painter: painter,
	}
	compositor.FillRect(s.canvas, s.canvas.Rect, compositor.LimitedRange(color.Gray{Y: 32}))
	return s, nil
}

func (s *sheet) place(i int, still Still) error {
	at := image.Pt(sheetGap+i%sheetColumns*(s.size.X+sheetGap), sheetGap+i/sheetColumns*(s.size.Y+sheetText+2*sheetGap))
	dst := s.canvas.SubImage(image.Rectangle{Min: at, Max: at.Add(s.size)}).(*image.YCbCr)
	if err := s.scaler.Scale(dst, still.Picture); err != nil {
		return err
	}
	text := fmt.Sprintf("%.1f s", still.At.Seconds())
	s.painter.DrawText(s.canvas, at.Add(image.Pt(2, s.size.Y+2)), sheetText, text, compositor.LimitedRange(color.White))
	return nil
}

// rgba converts from BT.601 in limited range, as recordings are.
func (s *sheet) rgba() image.Image {
	out := image.NewRGBA(s.canvas.Rect)
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			i, j := s.canvas.YOffset(x, y), s.canvas.COffset(x, y)
			luma := 298 * (int(s.canvas.Y[i]) - 16)
			cb, cr := int(s.canvas.Cb[j])-128, int(s.canvas.Cr[j])-128
			out.SetRGBA(x, y, color.RGBA{
				R: clamp(luma + 409*cr), G: clamp(luma - 100*cb - 208*cr), B: clamp(luma + 516*cb), A: 255,
			})
		}
	}
	return out
}

func clamp(v int) uint8 { return uint8(min(max((v+128)>>8, 0), 255)) }
