package compositor

import (
	"fmt"
	"image"
	"math/rand/v2"
	"testing"
)

// slowTurn turns by quarters, one at a time: what is left comes to the top.
func slowTurn(src *image.YCbCr, n int) *image.YCbCr {
	if n == 0 {
		return src
	}
	h := src.Rect.Dy()
	dst := newPicture(h, src.Rect.Dx())
	for y := range src.Rect.Dy() {
		for x := range src.Rect.Dx() {
			to, c := image.Pt(h-1-y, x), src.YCbCrAt(x, y)
			dst.Y[dst.YOffset(to.X, to.Y)] = c.Y
			i := dst.COffset(to.X, to.Y)
			dst.Cb[i], dst.Cr[i] = c.Cb, c.Cr
		}
	}
	return slowTurn(dst, n-1)
}

// A picture that has the size of its tile once it is turned is turned exactly,
// and a part of it where the tile cuts.
func TestTurn(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 4 {
		for _, part := range []image.Rectangle{
			image.Rect(0, 0, 96, 64), image.Rect(0, 0, 97, 65), image.Rect(32, 16, 128, 80),
		} {
			upright := noise(r, 128, 80).SubImage(part).(*image.YCbCr)
			upright.Rect = image.Rectangle{Max: part.Size()}
			even := view(upright, image.Rect(0, 0, 96, 64))
			// What has to be turned by n quarters was turned by 4-n before.
			tile := Tile{Picture: slowTurn(&even, (4-n)%4), Rotation: 90 * n}
			for _, tile.Fit = range []Fit{Fill, Contain} {
				c := newCompositor(t, Config{Width: 96, Height: 64, Layout: wholeCanvas, Scaler: failingScaler{}})
				canvas, _ := compose(t, c, []Tile{tile})
				want := newPicture(96, 64)
				copyPicture(want, &even)
				if !samePicture(canvas, want) {
					t.Errorf("%d quarters, %v, %v: not as it was", n, part, tile.Fit)
				}
			}
		}
	}
}

// wholeCanvas is the layout of one tile without a border.
func wholeCanvas(screens, cameras int, bounds image.Rectangle) []image.Rectangle {
	if screens+cameras == 0 {
		return nil
	}
	return []image.Rectangle{bounds}
}

// To turn what was scaled is to scale what was turned.
func TestTurnScaled(t *testing.T) {
	for n := range 4 {
		for _, fit := range []Fit{Fill, Contain} {
			// Sizes that are cut alike at both ends: cuts are at even places.
			for _, size := range []image.Point{{320, 240}, {241, 321}, {640, 320}, {2, 2}} {
				src := gradient(size.X, size.Y, 1)
				src.Cb[0], src.Cr[0] = 200, 30
				even, err := source(src)
				if err != nil {
					t.Fatal(err)
				}
				whole := newPicture(even.Rect.Dx(), even.Rect.Dy())
				copyPicture(whole, &even)
				c := newCompositor(t, Config{Width: 320, Height: 180})
				got, _ := compose(t, c, []Tile{{Picture: src, Rotation: 90 * n, Fit: fit}})
				c = newCompositor(t, Config{Width: 320, Height: 180})
				want, _ := compose(t, c, []Tile{{Picture: slowTurn(whole, n), Fit: fit}})
				if d := worstDifference(got, want); d > 1 {
					t.Errorf("%v by %d quarters, %v: differs by %d", size, n, fit, d)
				}
			}
		}
	}
}

func worstDifference(a, b *image.YCbCr) int {
	worst := 0
	for _, planes := range [][2][]uint8{{a.Y, b.Y}, {a.Cb, b.Cb}, {a.Cr, b.Cr}} {
		for i, v := range planes[0] {
			d := int(v) - int(planes[1][i])
			worst = max(worst, d, -d)
		}
	}
	return worst
}

// An angle that is none of a camera's shows the avatar.
func TestBadRotation(t *testing.T) {
	for _, degrees := range []int{-90, 1, 45, 360} {
		t.Run(fmt.Sprint(degrees), func(t *testing.T) {
			tiles := call(2)
			tiles[0].Rotation = degrees
			got := composeWithError(t, Config{Width: 320, Height: 180}, tiles, ErrPicture)
			tiles[0].Picture = nil
			want, _ := compose(t, newCompositor(t, Config{Width: 320, Height: 180}), tiles)
			if !samePicture(got, want) {
				t.Error("the tile is not the avatar")
			}
		})
	}
}

func BenchmarkTurn(b *testing.B) {
	for q := range quarters(4) {
		b.Run(fmt.Sprint(90*q), func(b *testing.B) {
			dst := newPicture(1920, 1080)
			size := q.size(dst.Rect.Size())
			src := newPicture(size.X, size.Y)
			for b.Loop() {
				turn(dst, src, q)
			}
		})
	}
}
