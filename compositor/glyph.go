package compositor

import (
	"image"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
)

// glyph is a rune in the font that has it. Without a face it is a box.
type glyph struct {
	r       rune
	face    font.Face
	advance fixed.Int26_6
}

func advance(glyphs []glyph) fixed.Int26_6 {
	var sum fixed.Int26_6
	for _, g := range glyphs {
		sum += g.advance
	}
	return sum
}

// cut returns the runes of the glyphs if they fit, or else as many as fit with
// the end after them, without a space before it.
func cut(glyphs []glyph, end glyph, limit fixed.Int26_6) []rune {
	runes := make([]rune, 0, len(glyphs)+1)
	for _, g := range glyphs {
		runes = append(runes, g.r)
	}
	if advance(glyphs) <= limit {
		return runes
	}
	if end.advance > limit {
		return nil
	}
	n, sum := 0, end.advance
	for ; sum+glyphs[n].advance <= limit; n++ {
		sum += glyphs[n].advance
	}
	for n > 0 && runes[n-1] == ' ' {
		n--
	}
	return append(runes[:n], end.r)
}

// draw draws a glyph at a dot on the baseline.
func (g glyph) draw(dst *image.Alpha, dot fixed.Point26_6, px int) {
	if g.face == nil {
		drawBox(dst, dot, px)
		return
	}
	if r, mask, from, _, ok := g.face.Glyph(dot, g.r); ok {
		draw.DrawMask(dst, r, image.Opaque, image.Point{}, mask, from, draw.Over)
	}
}

// boxAdvance is the width of the box of a rune that no font has, with margins.
func boxAdvance(px int) fixed.Int26_6 { return fixed.I(max(3, px*3/5)) }

// drawBox draws the outline of a box on the baseline.
func drawBox(dst *image.Alpha, dot fixed.Point26_6, px int) {
	line := max(1, px/14)
	box := image.Rect(line, -px*2/3, boxAdvance(px).Floor()-line, 0)
	box = box.Add(image.Pt(dot.X.Round(), dot.Y.Round()))
	draw.Draw(dst, box, image.Opaque, image.Point{}, draw.Src)
	draw.Draw(dst, box.Inset(line), image.Transparent, image.Point{}, draw.Src)
}
