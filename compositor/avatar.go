package compositor

import (
	"hash/fnv"
	"image"
	"image/color"
	"strings"
	"unicode"
)

// Parts of the shorter side of a tile, in percent.
const (
	discPart     = 46
	initialsPart = 18
	morePart     = 28 // the number on the tile that stands for others
)

// palette is the discs' colours: of one strength, all dark enough for white text.
func palette() [12]color.NRGBA {
	return [...]color.NRGBA{
		{0x4f, 0x6b, 0xed, 0xff},
		{0x0f, 0x7b, 0x6c, 0xff},
		{0xc2, 0x41, 0x0c, 0xff},
		{0x93, 0x33, 0xea, 0xff},
		{0xbe, 0x18, 0x5d, 0xff},
		{0x15, 0x80, 0x3d, 0xff},
		{0xa1, 0x62, 0x07, 0xff},
		{0x03, 0x69, 0xa1, 0xff},
		{0x6d, 0x4c, 0x41, 0xff},
		{0xb9, 0x1c, 0x1c, 0xff},
		{0x4d, 0x7c, 0x0f, 0xff},
		{0x54, 0x64, 0x7c, 0xff},
	}
}

// avatarColors returns the colours of a participant's disc and of the tile
// around it, the same in every recording.
func avatarColors(key string) (disc, tile color.YCbCr) {
	hash := fnv.New32a()
	hash.Write([]byte(key)) // never fails
	colors := palette()
	// The upper bits of a product: the hash alone is alike for keys that differ
	// in their last digit.
	const golden = 0x9e3779b1
	spread := hash.Sum32() * golden
	c := colors[uint64(spread)*uint64(len(colors))>>32]
	dark := func(v uint8) uint8 { return 14 + v/4 }
	return LimitedRange(c), LimitedRange(color.NRGBA{dark(c.R), dark(c.G), dark(c.B), c.A})
}

// avatar returns a disc with initials for the middle of a tile.
func avatar(t *typesetter, key, name string, tile image.Point) []layer {
	side := min(tile.X, tile.Y)
	disc, _ := avatarColors(key)
	d := evenDown(side * discPart / 100)
	at := image.Pt((tile.X-d)/2, (tile.Y-d)/2)
	return []layer{
		{roundedMask(d, d, d/2, 0xff), at, disc},
		centred(t, initials(name), side*initialsPart/100, tile),
	}
}

// initials returns the first letters of the first and the last word of a name,
// as capitals. Words that begin with something else, such as "(guest)", do not
// count, unless there are no others: then it is the first rune.
func initials(name string) string {
	line := clean(name)
	words := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune(" -_.@", r) })
	var letters []rune
	for _, word := range words {
		if first := []rune(word)[0]; unicode.IsLetter(first) || unicode.IsNumber(first) {
			letters = append(letters, unicode.ToTitle(first))
		}
	}
	switch {
	case len(letters) > 1:
		return string([]rune{letters[0], letters[len(letters)-1]})
	case len(letters) == 0 && len(line) > 0:
		return string(line[0])
	}
	return string(letters)
}
