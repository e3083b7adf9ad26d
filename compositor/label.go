package compositor

import "image"

// Sizes of names and notes, in pixels: a part of the tile's height, within limits. Small
// tiles of small canvases have room for less than the minimum.
const (
	labelPart      = 16
	minLabelSize   = 14
	maxLabelSize   = 40
	smallLabelPart = 5
)

func labelSize(tile image.Point) int {
	smallest := min(minLabelSize, tile.Y/smallLabelPart)
	return min(max(smallest, tile.Y/labelPart), maxLabelSize)
}

// plateAlpha is how much of the plate behind a text is black, of 255.
const plateAlpha = 150

// label returns a name for the bottom left corner of a tile.
func label(t *typesetter, name string, tile image.Point) []layer {
	margin := labelSize(tile) / 3
	return plated(t, name, tile, func(plate image.Point) image.Point {
		return image.Pt(margin, tile.Y-margin-plate.Y)
	})
}

// note returns a text for the middle of a tile.
func note(t *typesetter, text string, tile image.Point) []layer {
	return plated(t, text, tile, func(plate image.Point) image.Point { return tile.Sub(plate).Div(2) })
}

// plated returns a line of text on a dark plate, at the place for its size. There
// is none if the text has no visible rune or the tile is too small for it.
func plated(t *typesetter, s string, tile image.Point, place func(plate image.Point) image.Point) []layer {
	px := labelSize(tile)
	margin, padX, padY := px/3, px/2, px/5
	line := t.line(s, px, tile.X-2*(margin+padX))
	text := line.mask.Rect.Size()
	plate := image.Pt(text.X+2*padX, text.Y+2*padY)
	if text.X == 0 || plate.Y+margin > tile.Y {
		return nil
	}
	at := place(plate)
	return []layer{
		{roundedMask(plate.X, plate.Y, px/3, plateAlpha), at, black()},
		{line.mask, at.Add(image.Pt(padX, padY)), white()},
	}
}

// centred returns a line of text in the middle of a tile, by its capitals.
func centred(t *typesetter, s string, px int, tile image.Point) layer {
	line := t.line(s, px, tile.X)
	return layer{line.mask, image.Pt(
		(tile.X-line.mask.Rect.Dx())/2,
		(tile.Y+line.capHeight)/2-line.baseline,
	), white()}
}
