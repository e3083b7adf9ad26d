package codec_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"os/exec"
	"strings"
	"testing"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/codec"
)

// The test card has three rows of four patches: the colour bars and greys.
const (
	cardWidth, cardHeight = 320, 180
	patchesX, patchesY    = 4, 3
)

func patches() [patchesX * patchesY]color.NRGBA {
	return [...]color.NRGBA{
		{255, 255, 255, 255},
		{255, 255, 0, 255},
		{0, 255, 255, 255},
		{0, 255, 0, 255},
		{255, 0, 255, 255},
		{255, 0, 0, 255},
		{0, 0, 255, 255},
		{0, 0, 0, 255},
		{32, 32, 32, 255},
		{96, 96, 96, 255},
		{160, 160, 160, 255},
		{200, 120, 80, 255}, // skin
	}
}

// card returns the test card as ffmpeg's rgb24.
func card() []byte {
	rgb := make([]byte, 0, 3*cardWidth*cardHeight)
	for y := range cardHeight {
		for x := range cardWidth {
			c := patches()[y*patchesY/cardHeight*patchesX+x*patchesX/cardWidth]
			rgb = append(rgb, c.R, c.G, c.B)
		}
	}
	return rgb
}

// patch returns the colour in the middle of a patch of an rgb24 picture.
func patch(rgb []byte, size image.Point, n int) color.NRGBA {
	x := (2*(n%patchesX) + 1) * size.X / (2 * patchesX)
	y := (2*(n/patchesX) + 1) * size.Y / (2 * patchesY)
	at := rgb[3*(y*size.X+x):]
	return color.NRGBA{at[0], at[1], at[2], 255}
}

// run runs ffmpeg or ffprobe with standard input and returns its output.
func run(t *testing.T, in []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, append([]string{"-v", "error"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, errs.Bytes())
	}
	return out.Bytes()
}

// toRGB lets ffmpeg decode a file or raw stream as it says it is.
func toRGB(t *testing.T, in []byte, format string) []byte {
	t.Helper()
	return run(t, in, "ffmpeg", "-f", format, "-i", "-", "-sws_flags", "accurate_rnd+full_chroma_int",
		"-pix_fmt", "rgb24", "-f", "rawvideo", "-")
}

// A source is a stream of one picture as ffmpeg makes it.
type source struct {
	mime, format, pixels string
	encoder              []string
	only                 string // the only colour that is tested, if any
}

func sources() map[string]source {
	vp9 := []string{"libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "4", "-b:v", "0"}
	h264 := []string{"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-crf", "4"}
	return map[string]source{
		"VP8":        {"video/VP8", "ivf", "yuv420p", []string{"libvpx", "-deadline", "realtime", "-b:v", "20M"}, "smpte170m tv"},
		"VP9":        {"video/VP9", "ivf", "yuv420p", vp9, ""},
		"VP9 4:4:4":  {"video/VP9", "ivf", "yuv444p", vp9, "bt709 pc"},
		"H264":       {"video/H264", "h264", "yuv420p", h264, ""},
		"H264 4:4:4": {"video/H264", "h264", "yuv444p", h264, "bt709 pc"},
		"AV1":        {"video/AV1", "ivf", "yuv420p", []string{"libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-crf", "4"}, ""},
	}
}

// encode makes the test card a stream of the given colour, which it says.
func (s source) encode(t *testing.T, matrix, colourRange string) []byte {
	t.Helper()
	args := []string{
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", cardWidth, cardHeight), "-i", "-",
		"-sws_flags", "accurate_rnd+full_chroma_int",
		"-vf", "scale=out_color_matrix=" + matrix + ":out_range=" + colourRange + ",format=" + s.pixels,
		"-colorspace", matrix, "-color_range", colourRange, "-c:v",
	}
	args = append(append(args, s.encoder...), "-f", s.format, "-")
	return run(t, card(), "ffmpeg", args...)
}

// unit returns the only access unit of a stream.
func (s source) unit(t *testing.T, stream []byte) []byte {
	t.Helper()
	if s.format != "ivf" {
		return stream
	}
	const header, frameHeader = 32, 12
	size := int(binary.LittleEndian.Uint32(stream[header:]))
	return stream[header+frameHeader:][:size]
}

// decode decodes a stream of one picture.
func (s source) decode(t *testing.T, stream []byte) *codec.VideoDecoder {
	t.Helper()
	dec, err := codec.NewVideoDecoder(s.mime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dec.Close)
	if fresh, err := dec.Decode(s.unit(t, stream)); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	return dec
}

// compose draws tiles on a canvas of less than their size and encodes it.
func compose(t *testing.T, size image.Point, tiles ...compositor.Tile) []byte {
	t.Helper()
	scaler := new(codec.Scaler)
	defer scaler.Close()
	c, err := compositor.New(compositor.Config{Width: size.X, Height: size.Y, Scaler: scaler})
	if err != nil {
		t.Fatal(err)
	}
	canvas, _, err := c.Compose(tiles)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: "libx264", Width: size.X, Height: size.Y, FrameRate: 8, KeyInterval: 8,
		Options: map[string]string{"preset": "ultrafast", "tune": "zerolatency", "crf": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	packets, err := enc.Encode(canvas, 0, true)
	if err != nil || len(packets) != 1 {
		t.Fatal(len(packets), err)
	}
	return packets[0].Data
}

func distance(a, b color.NRGBA) int {
	d := 0
	for _, v := range [...]int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B)} {
		d = max(d, v, -v)
	}
	return d
}

// Whatever colours a sender's pictures are in, a player shows those of the sender.
func TestColoursArriveAsSent(t *testing.T) {
	canvas := image.Pt(256, 144)
	for name, s := range sources() {
		for _, matrix := range []string{"smpte170m", "bt709", "bt2020nc"} {
			for _, colourRange := range []string{"tv", "pc"} {
				colour := matrix + " " + colourRange
				if s.only != "" && s.only != colour {
					continue
				}
				t.Run(name+" "+colour, func(t *testing.T) {
					t.Parallel()
					stream := s.encode(t, matrix, colourRange)
					dec := s.decode(t, stream)
					got := toRGB(t, compose(t, canvas, compositor.Tile{
						Picture: dec.Picture(), Colour: compositor.Colour(dec.Colour()),
					}), "h264")
					sent := toRGB(t, stream, s.format)
					for n, original := range patches() {
						want, got := patch(sent, image.Pt(cardWidth, cardHeight), n), patch(got, canvas, n)
						if distance(want, original) > 6 {
							t.Errorf("patch %d was sent as %v, want %v", n, want, original)
						}
						if distance(got, want) > 3 {
							t.Errorf("patch %d arrived as %v, want %v", n, got, want)
						}
					}
				})
			}
		}
	}
}

func TestColourIsTold(t *testing.T) {
	for _, test := range []struct {
		codec, matrix, colourRange string
		want                       codec.Colour
	}{
		{"VP8", "smpte170m", "tv", codec.Colour{}},
		{"VP9", "bt709", "tv", codec.Colour{Matrix: 1}},
		{"H264", "smpte170m", "pc", codec.Colour{Matrix: 6, FullRange: true}},
		{"H264", "unknown", "unknown", codec.Colour{}},
		{"AV1", "bt2020nc", "pc", codec.Colour{Matrix: 9, FullRange: true}},
		{"AV1", "unknown", "unknown", codec.Colour{}},
	} {
		s := sources()[test.codec]
		if got := s.decode(t, s.encode(t, test.matrix, test.colourRange)).Colour(); got != test.want {
			t.Errorf("%s, %s, %s: %v, want %v", test.codec, test.matrix, test.colourRange, got, test.want)
		}
	}
}

// The colours of avatars and of the background are those that they were given.
func TestOwnColoursArrive(t *testing.T) {
	size := image.Pt(160, 90)
	for _, want := range patches() {
		c := compositor.LimitedRange(want)
		p := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
		compositor.FillRect(p, p.Rect, c)
		rgb := toRGB(t, compose(t, size, compositor.Tile{Picture: p}), "h264")
		if got := patch(rgb, size, 5); distance(got, want) > 3 {
			t.Errorf("%v became %v", want, got)
		}
	}
}

// The stream says what the canvas is, in the words of ffprobe.
func TestEncoderTellsColour(t *testing.T) {
	stream := compose(t, image.Pt(64, 64))
	got := run(t, stream, "ffprobe", "-f", "h264", "-i", "-", "-of", "csv=p=0",
		"-show_entries", "stream=color_range,color_space,color_transfer,color_primaries,chroma_location")
	if got, want := strings.TrimSpace(string(got)), "tv,smpte170m,bt709,bt709,center"; got != want {
		t.Errorf("the stream says %s, want %s", got, want)
	}
}

// Pictures of odd sizes have no line of another colour at the right or the bottom.
func TestOddSizes(t *testing.T) {
	for _, name := range []string{"VP8", "VP9", "AV1"} {
		for _, size := range []image.Point{{427, 241}, {63, 113}} {
			s := sources()[name]
			args := append([]string{
				"-f", "lavfi", "-i", fmt.Sprintf("color=0xc87850:s=%dx%d,format=rgb24", size.X, size.Y), "-frames:v", "1",
				"-pix_fmt", "yuv420p", "-c:v",
			}, append(s.encoder, "-f", s.format, "-")...)
			dec := s.decode(t, run(t, nil, "ffmpeg", args...))
			picture := dec.Picture()
			if picture.Rect.Size() != size {
				t.Fatalf("%s: decoded as %v", name, picture.Rect.Size())
			}
			checkFlat(t, fmt.Sprint(name, size), picture)
		}
	}
}

// checkFlat checks that a picture has one colour, also when it fills a canvas.
func checkFlat(t *testing.T, name string, p *image.YCbCr) {
	t.Helper()
	scaler := new(codec.Scaler)
	defer scaler.Close()
	want := p.YCbCrAt(p.Rect.Dx()/2, p.Rect.Dy()/2)
	for _, rotation := range []int{0, 90} {
		c, err := compositor.New(compositor.Config{Width: 320, Height: 180, Scaler: scaler})
		if err != nil {
			t.Fatal(err)
		}
		canvas, _, err := c.Compose([]compositor.Tile{{Picture: p, Rotation: rotation}})
		if err != nil {
			t.Fatal(err)
		}
		for y := range 180 {
			for x := range 320 {
				got := canvas.YCbCrAt(x, y)
				if d := max(diff(got.Y, want.Y), diff(got.Cb, want.Cb), diff(got.Cr, want.Cr)); d > 2 {
					t.Fatalf("%s: %v at %d,%d, want %v", name, got, x, y, want)
				}
			}
		}
	}
}

func diff(a, b uint8) uint8 { return max(a, b) - min(a, b) }
