package compositor

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func samePicture(a, b *image.YCbCr) bool {
	return bytes.Equal(a.Y, b.Y) && bytes.Equal(a.Cb, b.Cb) && bytes.Equal(a.Cr, b.Cr)
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{
		{Width: 1919, Height: 1080},
		{Width: 1920},
		{Width: -2, Height: -2},
		{Width: 62, Height: 64},
		{Width: 8194, Height: 64},
	} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v, want ErrConfig", cfg, err)
		}
	}
}

func TestUnchangedCostsNothing(t *testing.T) {
	c := newCompositor(t, Config{})
	tiles := call(5)
	_, changed := compose(t, c, tiles)
	if !slices.Equal(changed, []image.Rectangle{image.Rect(0, 0, 1920, 1080)}) {
		t.Errorf("first call changed %v", changed)
	}
	for i := range tiles {
		if tiles[i].Picture != nil {
			tiles[i].Picture = newPicture(tiles[i].Picture.Rect.Dx(), tiles[i].Picture.Rect.Dy())
		}
	}
	if _, changed := compose(t, c, tiles); changed != nil {
		t.Errorf("same versions changed %v", changed)
	}
	tiles[3].Version++
	if _, changed := compose(t, c, tiles); !slices.Equal(changed, []image.Rectangle{Grid(5, image.Rect(0, 0, 1920, 1080))[3]}) {
		t.Errorf("one version changed %v", changed)
	}
}

func TestEachPropertyRedraws(t *testing.T) {
	for name, change := range map[string]func(*Tile){
		"label":   func(t *Tile) { t.Label = "other" },
		"name":    func(t *Tile) { t.Name = "Other Name" },
		"dim":     func(t *Tile) { t.Dim = true },
		"picture": func(t *Tile) { t.Picture = nil },
		"size":    func(t *Tile) { t.Picture = gradient(320, 240, 1) },
		"colour":  func(t *Tile) { t.Colour.FullRange = true },
		"turn":    func(t *Tile) { t.Rotation = 90 },
		"note":    func(t *Tile) { t.Note = "reconnecting" },
	} {
		c := newCompositor(t, Config{Width: 480, Height: 270})
		tiles := call(2)
		compose(t, c, tiles)
		change(&tiles[0])
		got, changed := compose(t, c, tiles)
		if len(changed) != 1 {
			t.Errorf("%s: changed %v", name, changed)
		}
		want, _ := compose(t, newCompositor(t, Config{Width: 480, Height: 270}), tiles)
		if !samePicture(got, want) {
			t.Errorf("%s: not as drawn anew", name)
		}
	}
}

// A camera of just the tile's size is copied: no Scaler is asked.
func TestSameSizeIsCopied(t *testing.T) {
	c := newCompositor(t, Config{Scaler: failingScaler{}})
	tiles := make([]Tile, 9)
	for i := range tiles {
		tiles[i] = Tile{Key: fmt.Sprint(i), Picture: gradient(640, 360, i)}
	}
	canvas, _ := compose(t, c, tiles)
	middle := view(canvas, image.Rect(640, 360, 1280, 720))
	got := newPicture(640, 360)
	copyPicture(got, &middle)
	if !samePicture(got, tiles[4].Picture) {
		t.Error("the middle tile is not the picture")
	}
}

// So is a screen that is as large as the room for it.
func TestScreenIsCopied(t *testing.T) {
	for _, size := range []image.Point{{1920, 1080}, {1440, 1080}, {1920, 1000}, {1921, 1081}} {
		c := newCompositor(t, Config{Scaler: failingScaler{}})
		screen := noise(rand.New(rand.NewPCG(1, 1)), size.X, size.Y)
		canvas, _ := compose(t, c, []Tile{{Key: "screen", Picture: screen, Fit: Contain}})
		whole, err := source(screen)
		if err != nil {
			t.Fatal(err)
		}
		shown := view(canvas, contain(whole.Rect.Size(), canvas.Rect))
		got, want := newPicture(shown.Rect.Dx(), shown.Rect.Dy()), newPicture(whole.Rect.Dx(), whole.Rect.Dy())
		copyPicture(got, &shown)
		copyPicture(want, &whole)
		if !samePicture(got, want) {
			t.Errorf("a screen of %v is not copied", size)
		}
	}
}

var errScale = errors.New("scale")

type failingScaler struct{}

func (failingScaler) Scale(_, _ *image.YCbCr) error { return errScale }

func TestBadPictures(t *testing.T) {
	short := newPicture(64, 64)
	short.Cb = short.Cb[:10]
	stride := newPicture(64, 64)
	stride.YStride = 3
	huge := newPicture(4, 4)
	huge.Rect = image.Rect(0, 0, 1<<20, 1<<20)
	for name, p := range map[string]*image.YCbCr{
		"4:4:4":      image.NewYCbCr(image.Rect(0, 0, 64, 64), image.YCbCrSubsampleRatio444),
		"empty":      newPicture(0, 0),
		"zero value": {},
		"short":      short,
		"stride":     stride,
		"huge":       huge,
	} {
		t.Run(name, func(t *testing.T) {
			tiles := call(3)
			tiles[1].Picture = p
			got := composeWithError(t, Config{Width: 480, Height: 270}, tiles, ErrPicture)
			tiles[1].Picture = nil
			want, _ := compose(t, newCompositor(t, Config{Width: 480, Height: 270}), tiles)
			if !samePicture(got, want) {
				t.Error("the tile is not the avatar")
			}
		})
	}
	composeWithError(t, Config{Scaler: failingScaler{}}, call(4), errScale)
}

// composeWithError expects an error at the first call only.
func composeWithError(t *testing.T, cfg Config, tiles []Tile, want error) *image.YCbCr {
	t.Helper()
	c := newCompositor(t, cfg)
	if _, _, err := c.Compose(tiles); !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
	canvas, changed := compose(t, c, tiles)
	if changed != nil {
		t.Errorf("second call changed %v", changed)
	}
	return canvas
}

func TestDuplicateKey(t *testing.T) {
	c := newCompositor(t, Config{Width: 480, Height: 270})
	tiles := call(3)
	before, _ := compose(t, c, tiles)
	luma := bytes.Clone(before.Y)
	canvas, changed, err := c.Compose(append(tiles, tiles[0]))
	if !errors.Is(err, ErrDuplicateKey) || changed != nil || !bytes.Equal(canvas.Y, luma) {
		t.Errorf("%v, changed %v", err, changed)
	}
	if _, changed := compose(t, c, tiles); changed != nil {
		t.Errorf("after the error changed %v", changed)
	}
}

// Pictures of any shape and place in memory fill their tile, and only that.
func TestOddPictures(t *testing.T) {
	whole := gradient(101, 75, 3)
	for name, p := range map[string]*image.YCbCr{
		"1x1":       newPicture(1, 1),
		"1x2":       newPicture(1, 2),
		"3x1":       newPicture(3, 1),
		"odd":       gradient(641, 361, 1),
		"8192x1":    newPicture(8192, 1),
		"even part": whole.SubImage(image.Rect(2, 4, 60, 70)).(*image.YCbCr),
		"odd part":  whole.SubImage(image.Rect(3, 5, 62, 72)).(*image.YCbCr),
		"2x2 odd":   whole.SubImage(image.Rect(3, 5, 5, 7)).(*image.YCbCr),
		"1x1 odd":   whole.SubImage(image.Rect(99, 73, 100, 74)).(*image.YCbCr),
		"corner":    whole.SubImage(image.Rect(100, 74, 101, 75)).(*image.YCbCr),
	} {
		for _, fit := range []Fit{Fill, Contain} {
			c := newCompositor(t, Config{Width: 320, Height: 180})
			tiles := []Tile{{Key: "a"}, {Key: "b", Fit: fit}, {Key: "c"}}
			canvas, _ := compose(t, c, tiles)
			want := newPicture(320, 180)
			copyPicture(want, canvas)
			tiles[1].Picture = p
			canvas, changed := compose(t, c, tiles)
			FillRect(canvas, changed[0], white())
			FillRect(want, changed[0], white())
			if !samePicture(canvas, want) {
				t.Errorf("%s, %v: drawn outside of the tile", name, fit)
			}
		}
	}
}

func TestHugePicture(t *testing.T) {
	p := newPicture(8192, 8192)
	fill(p.Y, 90)
	c := newCompositor(t, Config{Width: 64, Height: 64})
	canvas, _ := compose(t, c, []Tile{{Key: "a", Picture: p, Fit: Contain}})
	if got := canvas.Y[canvas.YOffset(32, 32)]; got != 90 {
		t.Errorf("sample is %d, want 90", got)
	}
}

// An odd part of a picture keeps the colours of its place.
func TestOddPartKeepsChroma(t *testing.T) {
	p := newPicture(64, 64)
	for y := range 32 {
		for x := range 32 {
			p.Cb[y*p.CStride+x] = uint8(8 * x)
			p.Cr[y*p.CStride+x] = uint8(8 * y)
		}
	}
	q, err := source(p.SubImage(image.Rect(11, 21, 40, 50)).(*image.YCbCr))
	if err != nil {
		t.Fatal(err)
	}
	if q.Rect != image.Rect(0, 0, 28, 28) || q.Cb[0] != 6*8 || q.Cr[0] != 11*8 {
		t.Errorf("%v, Cb %d, Cr %d", q.Rect, q.Cb[0], q.Cr[0])
	}
}

func TestPlacesAreStable(t *testing.T) {
	c := newCompositor(t, Config{Width: 480, Height: 270})
	for _, step := range []struct {
		tiles string // lower case: camera, upper case: screen
		want  string
	}{
		{"cab", "cab"},
		{"abc", "cab"},
		{"abcd", "cabd"},
		{"bcd", "cbd"},
		{"dcba", "cbda"},
		{"dcbaS", "Scbda"},
		{"TdcbaS", "STcbda"},
		{"cbdaT", "Tcbda"},
		{"", ""},
		{"bac", "bac"},
	} {
		var tiles []Tile
		for _, r := range step.tiles {
			fit := Fill
			if strings.ToUpper(string(r)) == string(r) {
				fit = Contain
			}
			tiles = append(tiles, Tile{Key: string(r), Fit: fit})
		}
		if got := places(t, c, tiles); got != step.want {
			t.Errorf("%q is placed as %q, want %q", step.tiles, got, step.want)
		}
	}
}

// places returns the keys in the order of their slots.
func places(t *testing.T, c *Compositor, tiles []Tile) string {
	t.Helper()
	rects, err := c.Arrange(tiles)
	if err != nil {
		t.Fatal(err)
	}
	var keys strings.Builder
	for _, s := range c.slots {
		if i := slices.Index(rects, s.rect); i >= 0 {
			keys.WriteString(tiles[i].Key)
		}
	}
	return keys.String()
}

func TestOverflow(t *testing.T) {
	c := newCompositor(t, Config{Width: 480, Height: 270})
	rects, err := c.Arrange(call(27))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, r := range rects {
		if !r.Empty() {
			shown++
		}
	}
	if shown != MaxTiles-1 {
		t.Errorf("%d tiles shown, want %d", shown, MaxTiles-1)
	}
	compose(t, c, call(27))
	_, changed := compose(t, c, call(28))
	if want := []image.Rectangle{c.slots[MaxTiles-1].rect}; !slices.Equal(changed, want) {
		t.Errorf("one more changed %v, want %v", changed, want)
	}
}

// Whatever came before, the canvas is that of a new compositor which saw only
// who came in which order.
func TestIncrementalEqualsFromScratch(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	pictures := []*image.YCbCr{nil, gradient(64, 36, 1), gradient(50, 80, 2), gradient(33, 17, 3), gradient(96, 54, 4)}
	cfg := Config{Width: 320, Height: 180, EmptyText: "nobody"}
	c := newCompositor(t, cfg)
	var tiles []Tile
	for step := range 150 {
		tiles = mutate(r, tiles, pictures, step)
		got, changed := compose(t, c, tiles)
		fresh := newCompositor(t, cfg)
		want, _ := compose(t, fresh, byPlace(c, tiles))
		if !samePicture(got, want) {
			t.Fatalf("step %d with %d tiles differs; changed %v", step, len(tiles), changed)
		}
	}
}

// mutate lets somebody come, go, or look different.
func mutate(r *rand.Rand, tiles []Tile, pictures []*image.YCbCr, step int) []Tile {
	switch n := len(tiles); {
	case n == 0 || r.IntN(3) == 0 && n < 30:
		tiles = append(tiles, Tile{Key: fmt.Sprint(step), Label: fmt.Sprint("Person ", step)})
	case r.IntN(4) == 0:
		i := r.IntN(n)
		tiles = slices.Delete(tiles, i, i+1)
	}
	for i := range tiles {
		if t := &tiles[i]; r.IntN(4) == 0 {
			t.Picture = pictures[r.IntN(len(pictures))]
			t.Version++
			t.Dim = r.IntN(4) == 0
			t.Rotation = 90 * r.IntN(4)
			t.Colour = Colour{Matrix: uint8(r.IntN(3)), FullRange: r.IntN(2) == 0}
			t.Fit = Fit(min(1, r.IntN(8)) ^ 1)
		}
	}
	r.Shuffle(len(tiles), func(i, j int) { tiles[i], tiles[j] = tiles[j], tiles[i] })
	return tiles
}

// byPlace returns the tiles in the order in which they appeared.
func byPlace(c *Compositor, tiles []Tile) []Tile {
	sorted := slices.Clone(tiles)
	slices.SortFunc(sorted, func(a, b Tile) int {
		return int(c.roster.members[a.Key].joined) - int(c.roster.members[b.Key].joined)
	})
	return sorted
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	c := newCompositor(t, Config{Width: 480, Height: 270})
	tiles := call(30)
	for i := range tiles {
		tiles[i].Rotation, tiles[i].Colour.FullRange = i*90%360, i%3 == 0
	}
	compose(t, c, tiles)
	if n := testing.AllocsPerRun(10, func() { compose(t, c, tiles) }); n != 0 {
		t.Errorf("unchanged: %v allocations", n)
	}
	n := testing.AllocsPerRun(10, func() {
		for i := range tiles {
			tiles[i].Version++
		}
		compose(t, c, tiles)
	})
	if n != 0 {
		t.Errorf("changed: %v allocations", n)
	}
}

func BenchmarkCompose(b *testing.B) {
	for _, n := range []int{4, 9, 25} {
		for _, step := range []struct {
			name    string
			version uint64
		}{{"changed", 1}, {"unchanged", 0}} {
			b.Run(fmt.Sprintf("%d/%s", n, step.name), func(b *testing.B) {
				c := newCompositor(b, Config{})
				tiles := make([]Tile, n)
				for i := range tiles {
					tiles[i] = Tile{Key: fmt.Sprint(i), Label: "Ann Lee", Picture: gradient(640, 360, i)}
				}
				compose(b, c, tiles)
				b.ReportAllocs()
				for b.Loop() {
					compose(b, c, tiles)
					for i := range tiles {
						tiles[i].Version += step.version
					}
				}
			})
		}
	}
}
