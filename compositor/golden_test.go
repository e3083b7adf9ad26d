package compositor

import (
	"fmt"
	"image"
	"image/color"
	"testing"
)

// call makes n tiles such as a call has: cameras in two shapes, avatars, long
// names, one lost connection.
func call(n int) []Tile {
	names := []string{
		"Ann Lee", "Δημήτρης Παπαδόπουλος", "Анна Каренина", "José Ñandú (guest)",
		"A very long display name that no tile has room for, whatever its size",
		"bob", "Zoë O'Brien-Smith", "שלום עולם", "x",
	}
	tiles := make([]Tile, n)
	for i := range tiles {
		tiles[i] = Tile{Key: fmt.Sprint("participant-", i), Label: names[i%len(names)], Version: 1}
		switch i % 5 {
		case 0, 3:
			tiles[i].Picture = gradient(640, 360, i)
		case 1:
			tiles[i].Picture = gradient(320, 240, i)
		case 2:
			tiles[i].Picture = gradient(180, 320, i)
		}
	}
	if n > 5 {
		tiles[5].Dim, tiles[5].Note = true, "reconnecting"
	}
	return tiles
}

func TestGolden(t *testing.T) {
	screen := Tile{Key: "screen", Label: "Ann Lee's screen", Fit: Contain, Picture: slide(t, 800, 600), Version: 1}
	for _, test := range []struct {
		name  string
		tiles []Tile
		cfg   Config
	}{
		{"empty", nil, Config{EmptyText: "Waiting for participants"}},
		{"1", call(1), Config{}},
		{"2", call(2), Config{}},
		{"5", call(5), Config{}},
		{"30", call(30), Config{Width: 270, Height: 480}},
		{"screen", append(call(5), screen), Config{}},
		{"stage", append(call(5), screen), Config{Layout: ScreenLayout}},
		{"portrait", call(5), Config{Width: 180, Height: 320}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.cfg.Width == 0 {
				test.cfg.Width, test.cfg.Height = 384, 216
			}
			canvas, _ := compose(t, newCompositor(t, test.cfg), test.tiles)
			checkGolden(t, test.name, canvas)
		})
	}
}

// card is a picture with colour bars that shows which way is up.
func card(t testing.TB, w, h int) *image.YCbCr {
	t.Helper()
	p := slide(t, w, h)
	for i, c := range []color.NRGBA{
		{255, 255, 255, 255},
		{255, 255, 0, 255},
		{0, 255, 255, 255},
		{0, 255, 0, 255},
		{255, 0, 255, 255},
		{255, 0, 0, 255},
		{0, 0, 255, 255},
		{0, 0, 0, 255},
	} {
		FillRect(p, image.Rect(i*w/8, h*3/4, (i+1)*w/8, h), LimitedRange(c))
	}
	FillRect(p, image.Rect(w*7/8, 0, w, h/8), LimitedRange(color.NRGBA{255, 0, 0, 255}))
	return p
}

func TestGoldenTurned(t *testing.T) {
	var tiles []Tile
	for i, fit := range []Fit{Contain, Fill} {
		for n := range 4 {
			tiles = append(tiles, Tile{
				Key: fmt.Sprint(i, n), Label: fmt.Sprint(90*n, " ", fit), Fit: fit, Picture: card(t, 360, 202), Rotation: 90 * n,
			})
		}
	}
	tiles[7].Note, tiles[7].Dim = "reconnecting", true
	canvas, _ := compose(t, newCompositor(t, Config{Width: 640, Height: 360}), tiles)
	checkGolden(t, "turned", canvas)
}

func TestGoldenFullSize(t *testing.T) {
	canvas, _ := compose(t, newCompositor(t, Config{}), call(9))
	part := view(canvas, image.Rect(1280, 0, 1920, 360)) // "Анна Каренина", portrait
	checkGolden(t, "full", &part)
}
