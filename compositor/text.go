package compositor

import (
	"fmt"
	"image"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// Limits of text sizes in pixels per em, and of the sizes kept ready.
const (
	minTextSize = 6
	maxTextSize = 512
	maxSizes    = 32
)

const ellipsis = '\u2026'

// typesetter turns text into masks. It belongs to one goroutine.
type typesetter struct {
	fonts []*opentype.Font // the first that has a rune draws it
	sizes map[int][]sizedFont
	buf   sfnt.Buffer
}

// sizedFont is a font at one size.
type sizedFont struct {
	font *opentype.Font
	face font.Face
}

// textLine is a line of text as a mask, at the origin. Its baseline and the
// height of its capitals are in pixels.
type textLine struct {
	mask                *image.Alpha
	baseline, capHeight int
}

// newTypesetter returns one with the Go font, which has Latin, Greek and
// Cyrillic letters, followed by the given fonts.
func newTypesetter(fallbacks []*opentype.Font) (*typesetter, error) {
	fonts, err := ParseFonts(gomedium.TTF)
	if err != nil {
		return nil, err
	}
	for i, f := range fallbacks {
		if f == nil {
			return nil, fmt.Errorf("%w: number %d is nil", ErrFont, i)
		}
	}
	return &typesetter{fonts: append(fonts, fallbacks...), sizes: make(map[int][]sizedFont)}, nil
}

// line sets a text in one line of at most maxWidth pixels, cut with an ellipsis
// if it is longer. If not even that fits, the line is empty.
func (t *typesetter) line(s string, px, maxWidth int) textLine {
	px = min(max(minTextSize, px), maxTextSize)
	m := t.sized(px)[0].face.Metrics()
	line := textLine{
		mask:      image.NewAlpha(image.Rectangle{}),
		baseline:  m.Ascent.Ceil(),
		capHeight: m.CapHeight.Round(),
	}
	// A pixel on both sides is for what sticks out of the first and last glyph.
	const margin = 1
	limit := fixed.I(maxWidth - 2*margin)
	runes := cut(t.glyphs(clean(s), px), t.glyph(ellipsis, px), limit)
	glyphs := t.glyphs(visual(runes), px)
	if len(glyphs) == 0 {
		return line
	}
	size := image.Pt(advance(glyphs).Ceil()+2*margin, line.baseline+m.Descent.Ceil())
	line.mask = image.NewAlpha(image.Rectangle{Max: size})
	dot := fixed.P(margin, line.baseline)
	for _, g := range glyphs {
		g.draw(line.mask, dot, px)
		dot.X += g.advance
	}
	return line
}

// sized returns the fonts at a size.
func (t *typesetter) sized(px int) []sizedFont {
	if fonts, ok := t.sizes[px]; ok {
		return fonts
	}
	if len(t.sizes) >= maxSizes {
		clear(t.sizes)
	}
	fonts := make([]sizedFont, 0, len(t.fonts))
	for _, f := range t.fonts {
		face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: float64(px), DPI: 72})
		if err != nil {
			continue // as if the font had no glyphs
		}
		fonts = append(fonts, sizedFont{f, face})
	}
	t.sizes[px] = fonts
	return fonts
}

// glyphs finds a glyph for each rune. Marks that no font has are left out.
func (t *typesetter) glyphs(runes []rune, px int) []glyph {
	glyphs := make([]glyph, 0, len(runes))
	for _, r := range runes {
		if g := t.glyph(r, px); g.face != nil || !isMark(r) {
			glyphs = append(glyphs, g)
		}
	}
	return glyphs
}

// glyph finds a rune in the fonts. Coloured glyphs, which have no outline, are
// passed over.
func (t *typesetter) glyph(r rune, px int) glyph {
	for _, f := range t.sized(px) {
		i, err := f.font.GlyphIndex(&t.buf, r)
		if err != nil || i == 0 {
			continue
		}
		if _, err := f.font.LoadGlyph(&t.buf, i, fixed.I(px), nil); err != nil {
			continue
		}
		if advance, ok := f.face.GlyphAdvance(r); ok {
			return glyph{r, f.face, advance}
		}
	}
	return glyph{r: r, advance: boxAdvance(px)}
}
