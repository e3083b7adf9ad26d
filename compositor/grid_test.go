package compositor

import (
	"errors"
	"image"
	"testing"
)

// shape returns the columns and rows of a grid.
func shape(tiles []image.Rectangle) (cols, rows int) {
	xs, ys := map[int]bool{}, map[int]bool{}
	for _, r := range tiles {
		ys[r.Min.Y] = true
		if r.Min.Y == tiles[0].Min.Y {
			xs[r.Min.X] = true
		}
	}
	return len(xs), len(ys)
}

func TestGridShape(t *testing.T) {
	for _, test := range []struct{ from, to, cols, rows int }{
		{1, 1, 1, 1},
		{2, 2, 2, 1},
		{3, 4, 2, 2},
		{5, 6, 3, 2},
		{7, 9, 3, 3},
		{10, 12, 4, 3},
		{13, 16, 4, 4},
		{17, 20, 5, 4},
		{21, 25, 5, 5},
	} {
		for n := test.from; n <= test.to; n++ {
			cols, rows := shape(Grid(n, image.Rect(0, 0, 1920, 1080)))
			if cols != test.cols || rows != test.rows {
				t.Errorf("%d tiles: %dx%d, want %dx%d", n, cols, rows, test.cols, test.rows)
			}
		}
	}
}

func TestGridPlaces(t *testing.T) {
	canvas := image.Rect(0, 0, 1920, 1080)
	if got, want := Grid(9, canvas)[4], image.Rect(640, 360, 1280, 720); got != want {
		t.Errorf("middle of 3x3 is %v, want %v", got, want)
	}
	if got, want := Grid(2, canvas)[1], image.Rect(960, 270, 1920, 810); got != want {
		t.Errorf("second of two is %v, want %v", got, want)
	}
	if got, want := Grid(5, canvas)[3], image.Rect(320, 540, 960, 900); got != want {
		t.Errorf("fourth of five is %v, want %v", got, want)
	}
	if got := Grid(0, canvas); got != nil {
		t.Errorf("no tiles: %v", got)
	}
}

func TestGridProperties(t *testing.T) {
	for _, bounds := range []image.Rectangle{
		image.Rect(0, 0, 1920, 1080), image.Rect(0, 0, 1080, 1920), image.Rect(0, 0, 1280, 720),
		image.Rect(0, 0, 640, 480), image.Rect(0, 0, 720, 720), image.Rect(0, 0, 64, 64),
		image.Rect(1536, 0, 1920, 1080), image.Rect(3, 5, 1001, 803), image.Rect(0, 0, 8192, 64),
	} {
		for n := 1; n <= MaxTiles; n++ {
			tiles := Grid(n, bounds)
			if len(tiles) != n {
				t.Fatalf("%v: %d tiles, want %d", bounds, len(tiles), n)
			}
			if err := checkLayout(tiles, n, bounds); err != nil {
				t.Errorf("%v, %d: %v", bounds, n, err)
			}
			checkCentred(t, tiles, bounds)
		}
	}
}

// checkCentred checks that tiles have one size and that the block of them and its
// last row are in the middle, up to the rounding to even coordinates.
func checkCentred(t *testing.T, tiles []image.Rectangle, bounds image.Rectangle) {
	t.Helper()
	block, last := image.Rectangle{}, image.Rectangle{}
	for _, r := range tiles {
		if r.Size() != tiles[0].Size() {
			t.Errorf("%v: sizes %v and %v", bounds, r.Size(), tiles[0].Size())
		}
		block = block.Union(r)
		if r.Min.Y == tiles[len(tiles)-1].Min.Y {
			last = last.Union(r)
		}
	}
	for _, d := range []int{
		last.Min.X - bounds.Min.X - (bounds.Max.X - last.Max.X),
		block.Min.Y - bounds.Min.Y - (bounds.Max.Y - block.Max.Y),
	} {
		if d < -3 || d > 3 {
			t.Errorf("%v, %d tiles: off centre by %d", bounds, len(tiles), d)
		}
	}
}

func TestScreenLayout(t *testing.T) {
	for _, bounds := range []image.Rectangle{image.Rect(0, 0, 1920, 1080), image.Rect(0, 0, 720, 1280)} {
		for screens := range 30 {
			for cameras := range 30 {
				tiles := ScreenLayout(screens, cameras, bounds)
				if err := checkLayout(tiles, screens+cameras, bounds); err != nil {
					t.Errorf("%d screens, %d cameras: %v", screens, cameras, err)
				}
				if want := min(screens+cameras, MaxTiles); len(tiles) != want {
					t.Errorf("%d screens, %d cameras: %d tiles, want %d", screens, cameras, len(tiles), want)
				}
			}
		}
	}
	if got, want := ScreenLayout(1, 3, image.Rect(0, 0, 1920, 1080))[0].Size(), image.Pt(1536, 864); got != want {
		t.Errorf("screen of %v, want %v", got, want)
	}
}

func TestUnusableLayouts(t *testing.T) {
	r := image.Rect
	for name, rects := range map[string][]image.Rectangle{
		"none":     nil,
		"too many": {r(0, 0, 2, 2), r(2, 0, 4, 2), r(4, 0, 6, 2)},
		"odd":      {r(1, 0, 4, 4)},
		"outside":  {r(0, 0, 66, 64)},
		"empty":    {r(0, 0, 0, 4)},
		"overlap":  {r(0, 0, 10, 10), r(8, 8, 12, 12)},
	} {
		c := newCompositor(t, Config{Width: 64, Height: 64})
		tiles := call(2)
		before, _ := compose(t, c, tiles)
		luma := string(before.Y)
		bad := func(int, int, image.Rectangle) []image.Rectangle { return rects }
		if err := c.SetLayout(bad); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v, want ErrLayout", name, err)
		}
		after, changed := compose(t, c, tiles)
		if changed != nil || string(after.Y) != luma {
			t.Errorf("%s: a refused layout changed %v", name, changed)
		}
		compose(t, c, call(3)) // in the former layout
	}
}
