package simulate

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
)

func testScene(t testing.TB, cfg Config) *scene {
	t.Helper()
	cfg.setDefaults()
	s, err := newScene(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instants are positions with all sorts of bits, in and out of flashes.
func instants(n int) []timebase.Ticks {
	rng := rand.New(rand.NewPCG(3, 4))
	out := []timebase.Ticks{0, timebase.Second, timebase.Second - 1, 49 * 24 * 3600 * timebase.Second}
	for len(out) < n {
		out = append(out, timebase.Ticks(rng.Int64N(40*24*3600*timebase.Second)))
	}
	return out
}

// recorded returns what a tile of a recording shows of a picture: scaled, or cut
// and scaled, next to other tiles, and coded with x264 as a recording is.
type recorded struct {
	t      *testing.T
	canvas *image.YCbCr
	tile   image.Rectangle
	scaler codec.Scaler
	enc    *codec.VideoEncoder
	dec    *codec.VideoDecoder
	n      int64
}

func newRecorded(t *testing.T, tile image.Point) *recorded {
	t.Helper()
	r := &recorded{t: t, tile: image.Rectangle{Min: image.Pt(64, 32), Max: image.Pt(64, 32).Add(tile)}}
	r.canvas = image.NewYCbCr(image.Rect(0, 0, 64+tile.X+64, 32+tile.Y+32), image.YCbCrSubsampleRatio420)
	size := r.canvas.Rect.Size()
	var err error
	if r.enc, err = codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: "libx264", Width: size.X, Height: size.Y, FrameRate: 8, KeyInterval: 32,
		Options: map[string]string{"crf": "24", "preset": "veryfast", "tune": "zerolatency"},
	}); err != nil {
		t.Fatal(err)
	}
	if r.dec, err = codec.NewVideoDecoder("video/H264"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.enc.Close(); r.dec.Close(); r.scaler.Close() })
	return r
}

func (r *recorded) show(picture *image.YCbCr) *image.YCbCr {
	r.t.Helper()
	dst := r.canvas.SubImage(r.tile).(*image.YCbCr)
	src := picture.SubImage(stageOf(picture.Rect)).(*image.YCbCr)
	if err := r.scaler.Scale(dst, src); err != nil {
		r.t.Fatal(err)
	}
	packets, err := r.enc.Encode(r.canvas, r.n, false)
	if err != nil || len(packets) != 1 {
		r.t.Fatalf("%d packets, %v", len(packets), err)
	}
	r.n++
	if ok, err := r.dec.Decode(packets[0].Data); err != nil || !ok {
		r.t.Fatal(ok, err)
	}
	return r.dec.Picture()
}

func TestStripSurvivesRecording(t *testing.T) {
	for _, c := range []struct{ picture, tile image.Point }{
		{image.Pt(640, 360), image.Pt(384, 216)},
		{image.Pt(320, 180), image.Pt(384, 216)},
		{image.Pt(1280, 720), image.Pt(384, 216)},
		{image.Pt(640, 480), image.Pt(384, 216)},
		{image.Pt(360, 640), image.Pt(384, 216)},
		{image.Pt(256, 144), image.Pt(1920, 1080)},
		{image.Pt(640, 360), image.Pt(320, 180)},
	} {
		s := testScene(t, Config{Index: 40000 + c.picture.X, Width: c.picture.X, Height: c.picture.Y})
		r := newRecorded(t, c.tile)
		for _, at := range instants(25) {
			got := r.show(s.draw(at))
			strip, ok := ReadStrip(got, r.tile)
			if want := stripOf(at, s.index); !ok || strip != want {
				t.Errorf("%v on %v: read %v, %v, want %v", c.picture, c.tile, strip, ok, want)
			}
			if lit := ReadFlash(got, r.tile); lit != (at%timebase.Second < flashTicks) {
				t.Errorf("%v on %v: flash %v at %v", c.picture, c.tile, lit, at.Duration())
			}
		}
	}
}

func TestStripReadsDimmedTile(t *testing.T) {
	p := testScene(t, Config{Index: 7}).draw(timebase.Second)
	for i, v := range p.Y { // as the compositor dims the tile of someone who was lost
		p.Y[i] = uint8((int(v)*105 + 16*150) / 255)
	}
	if s, ok := ReadStrip(p, p.Rect); !ok || s != (Strip{time.Second, 7}) || !ReadFlash(p, p.Rect) {
		t.Errorf("read %v, %v", s, ok)
	}
}

func TestNoStrip(t *testing.T) {
	r := image.Rect(0, 0, 640, 360)
	plain := image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
	compositor.FillRect(plain, r, color.YCbCr{Y: 90, Cb: 128, Cr: 128})
	noise := image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Y {
		noise.Y[i] = uint8(rng.Uint32())
	}
	damaged := testScene(t, Config{}).draw(12345)
	compositor.FillRect(damaged, place(stageOf(r), stripCell(20)), white())
	for name, c := range map[string]struct {
		picture *image.YCbCr
		tile    image.Rectangle
	}{
		"plain": {plain, r}, "noise": {noise, r}, "damaged": {damaged, r},
		"empty": {plain, image.Rectangle{}}, "outside": {plain, r.Add(image.Pt(2, 0))}, "tiny": {plain, image.Rect(0, 0, 4, 2)},
	} {
		if s, ok := ReadStrip(c.picture, c.tile); ok {
			t.Errorf("%s: read %v", name, s)
		}
	}
	if ReadFlash(plain, r.Add(image.Pt(2, 0))) {
		t.Error("a flash outside of the picture")
	}
}

func TestChecksum(t *testing.T) {
	if got := checksum(0x313233343536); got != 0x2ef4 { // "123456", by Python's binascii.crc_hqx
		t.Errorf("%#04x", got)
	}
}
