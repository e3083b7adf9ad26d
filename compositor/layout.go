package compositor

import (
	"errors"
	"fmt"
	"image"
)

// MaxTiles is how many tiles the layouts of this package show.
const MaxTiles = 25

// ErrLayout is returned when a [Layout] returned rectangles that cannot be drawn.
var ErrLayout = errors.New("compositor: unusable layout")

// Layout says where tiles go: shared screens first, then cameras, in order. The
// rectangles must lie in bounds, have even coordinates and not overlap. If there
// are fewer of them than tiles, the last one shows how many more there are. A
// Layout must be a pure function; it is asked only when the counts change.
type Layout func(screens, cameras int, bounds image.Rectangle) []image.Rectangle

// TileLayout is the default: all tiles alike in a [Grid], at most [MaxTiles].
func TileLayout(screens, cameras int, bounds image.Rectangle) []image.Rectangle {
	return Grid(min(screens+cameras, MaxTiles), bounds)
}

// The share of the canvas that the screens take in [ScreenLayout], in fifths.
const screenFifths = 4

// ScreenLayout keeps shared text readable: screens have four fifths of the width
// (of the height on a portrait canvas), and a grid of the others has the rest.
// While nobody shares a screen, or nothing else is shown, it is [TileLayout].
func ScreenLayout(screens, cameras int, bounds image.Rectangle) []image.Rectangle {
	if screens == 0 || cameras == 0 {
		return TileLayout(screens, cameras, bounds)
	}
	stage, side := bounds, bounds
	if bounds.Dx() >= bounds.Dy() {
		stage.Max.X = bounds.Min.X + evenDown(bounds.Dx()*screenFifths/5)
		side.Min.X = stage.Max.X
	} else {
		stage.Max.Y = bounds.Min.Y + evenDown(bounds.Dy()*screenFifths/5)
		side.Min.Y = stage.Max.Y
	}
	screens = min(screens, MaxTiles-1)
	tiles := Grid(screens, stage)
	return append(tiles, Grid(min(cameras, MaxTiles-screens), side)...)
}

// checkLayout makes sure that tiles can be drawn one by one.
func checkLayout(tiles []image.Rectangle, n int, bounds image.Rectangle) error {
	if len(tiles) > n || len(tiles) == 0 && n > 0 {
		return fmt.Errorf("%w: %d rectangles for %d tiles", ErrLayout, len(tiles), n)
	}
	for i, r := range tiles {
		if r.Empty() || r != evenInside(r) || !r.In(bounds) {
			return fmt.Errorf("%w: tile %d at %v is empty, odd or outside", ErrLayout, i, r)
		}
		for j, s := range tiles[:i] {
			if r.Overlaps(s) {
				return fmt.Errorf("%w: tiles %d and %d overlap", ErrLayout, j, i)
			}
		}
	}
	return nil
}
