package compositor

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/font/opentype"
)

// Painter writes text into pictures, for what is not a tile: test pictures,
// timecodes. It belongs to one goroutine.
type Painter struct{ text *typesetter }

// NewPainter returns a Painter with the Go font and the given fonts for runes
// that it lacks. The error is [ErrFont], wrapped.
func NewPainter(fallbacks ...*opentype.Font) (*Painter, error) {
	text, err := newTypesetter(fallbacks)
	if err != nil {
		return nil, err
	}
	return &Painter{text}, nil
}

// DrawText writes one line of text of px pixels per em (6 to 512) into a 4:2:0
// picture, with the line's top left corner at a point. It returns the rectangle
// of the line, of which only what lies in dst is drawn. What is not visible,
// such as controls, is left out, and white space is a space.
func (p *Painter) DrawText(dst *image.YCbCr, at image.Point, px int, text string, c color.YCbCr) image.Rectangle {
	line := p.text.line(text, px, maxLineWidth)
	s := newStencil(layer{line.mask, at, c}, dst.Rect)
	s.draw(dst)
	return line.mask.Rect.Add(at)
}

// maxLineWidth is wider than maxText runes of maxTextSize and fits fixed.I.
const maxLineWidth = math.MaxInt32 >> 8
