package compositor

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

func newCompositor(t testing.TB, cfg Config) *Compositor {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compose(t testing.TB, c *Compositor, tiles []Tile) (*image.YCbCr, []image.Rectangle) {
	t.Helper()
	canvas, changed, err := c.Compose(tiles)
	if err != nil {
		t.Fatal(err)
	}
	return canvas, changed
}

func newPicture(w, h int) *image.YCbCr {
	return image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
}

// gradient is a picture brighter towards the bottom, with a circle that shows whether
// its shape is kept and a frame that shows what is cut.
func gradient(w, h, hue int) *image.YCbCr {
	p := newPicture(w, h)
	r := min(w, h) * 3 / 8
	for y := range h {
		for x := range w {
			v := 60 + 150*y/h
			dx, dy := x-w/2, y-h/2
			if d := dx*dx + dy*dy; d < r*r && d > (r-max(2, h/60))*(r-max(2, h/60)) {
				v = 235
			}
			if x < w/80 || y < w/80 || x >= w-w/80 || y >= h-w/80 {
				v = 16
			}
			p.Y[y*p.YStride+x] = uint8(v)
		}
	}
	fill(p.Cb, uint8(100+hue*37%64))
	fill(p.Cr, uint8(100+hue*53%64))
	return p
}

func noise(r *rand.Rand, w, h int) *image.YCbCr {
	p := newPicture(w, h)
	for _, plane := range [][]uint8{p.Y, p.Cb, p.Cr} {
		for i := range plane {
			plane[i] = uint8(r.Uint32())
		}
	}
	return p
}

// slide looks like a shared screen: text on white.
func slide(t testing.TB, w, h int) *image.YCbCr {
	t.Helper()
	p := newPicture(w, h)
	FillRect(p, p.Rect, white())
	painter, err := NewPainter()
	if err != nil {
		t.Fatal(err)
	}
	FillRect(p, image.Rect(0, 0, w, h/8), LimitedRange(color.NRGBA{0x0f, 0x4c, 0x9c, 0xff}))
	painter.DrawText(p, image.Pt(w/30, h/40), h/14, "Quarterly review", white())
	for i := range 6 {
		text := fmt.Sprintf("%d. The quick brown fox jumps over the lazy dog", i+1)
		painter.DrawText(p, image.Pt(w/30, h/6+i*h/8), h/24, text, black())
	}
	return p
}

// toRGB converts limited range BT.601 to a picture that viewers show right.
func toRGB(p *image.YCbCr) *image.NRGBA {
	out := image.NewNRGBA(p.Rect)
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y++ {
		for x := p.Rect.Min.X; x < p.Rect.Max.X; x++ {
			c := p.YCbCrAt(x, y)
			l := 255.0 / 219 * (float64(c.Y) - 16)
			cb, cr := 255.0/224*(float64(c.Cb)-128), 255.0/224*(float64(c.Cr)-128)
			clip := func(v float64) uint8 { return uint8(min(max(0, v+0.5), 255)) }
			out.SetNRGBA(x, y, color.NRGBA{
				clip(l + 1.402*cr), clip(l - 0.344136*cb - 0.714136*cr), clip(l + 1.772*cb), 0xff,
			})
		}
	}
	return out
}

// checkGolden compares a picture with testdata/name.png. The rasteriser of text
// rounds differently from machine to machine, so it allows for a little.
func checkGolden(t *testing.T, name string, p *image.YCbCr) {
	t.Helper()
	path := filepath.Join("testdata", name+".png")
	got := toRGB(p)
	if *update {
		writePNG(t, path, got)
		return
	}
	want := readPNG(t, path)
	if got.Rect != want.Bounds() {
		t.Fatalf("%s: size %v, want %v", name, got.Rect, want.Bounds())
	}
	worst, sum := 0, 0
	for y := range got.Rect.Dy() {
		for x := range got.Rect.Dx() {
			d := distance(got.NRGBAAt(x, y), color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA))
			worst, sum = max(worst, d), sum+d
		}
	}
	if mean := float64(sum) / float64(got.Rect.Dx()*got.Rect.Dy()); worst > 12 || mean > 0.05 {
		t.Errorf("%s: worst difference %d, mean %.3f; see -update", name, worst, mean)
	}
}

func distance(a, b color.NRGBA) int {
	d := 0
	for _, v := range [...]int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B)} {
		d = max(d, v, -v)
	}
	return d
}

func writePNG(t *testing.T, path string, p image.Image) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(f, p); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func readPNG(t *testing.T, path string) image.Image {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
