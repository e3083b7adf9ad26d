package callreel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/ffmpegtest"
)

// rareFormat is one that no browser sends, though a codec has it.
type rareFormat struct {
	name    string
	format  format
	encoder string
	options string // of ffmpeg
	grey    bool   // it has no colour
}

func rareFormats() []rareFormat {
	const vpx, aom = "-deadline realtime -cpu-used 8 -lag-in-frames 0 ", "-usage realtime -cpu-used 8 -lag-in-frames 0 "
	return []rareFormat{
		{name: "H.264 of 10 bits", format: h264(), encoder: "libx264", options: "-pix_fmt yuv420p10le"},
		{name: "H.264 4:2:2", format: h264(), encoder: "libx264", options: "-pix_fmt yuv422p"},
		{name: "H.264 4:4:4", format: h264(), encoder: "libx264", options: "-pix_fmt yuv444p"},
		{name: "H.264 of 10 bits 4:4:4", format: h264(), encoder: "libx264", options: "-pix_fmt yuv444p10le"},
		{name: "H.264 without colour", format: h264(), encoder: "libx264", options: "-pix_fmt gray", grey: true},
		{name: "H.264 interlaced (MBAFF)", format: h264(), encoder: "libx264", options: "-pix_fmt yuv420p -flags +ilme+ildct"},
		{name: "VP9 profile 1, 4:4:4", format: vp9(), encoder: "libvpx-vp9", options: vpx + "-pix_fmt yuv444p"},
		{name: "VP9 profile 1, 4:4:0", format: vp9(), encoder: "libvpx-vp9", options: vpx + "-pix_fmt yuv440p"},
		{name: "VP9 profile 2, 10 bits", format: vp9(), encoder: "libvpx-vp9", options: vpx + "-pix_fmt yuv420p10le"},
		{name: "VP9 profile 3, 12 bits 4:4:4", format: vp9(), encoder: "libvpx-vp9", options: vpx + "-pix_fmt yuv444p12le"},
		{name: "AV1 of 10 bits", format: av1(), encoder: "libaom-av1", options: aom + "-pix_fmt yuv420p10le"},
		{name: "AV1 4:4:4", format: av1(), encoder: "libaom-av1", options: aom + "-pix_fmt yuv444p"},
		{name: "AV1 without colour", format: av1(), encoder: "libaom-av1", options: aom + "-pix_fmt gray", grey: true},
	}
}

// rareColour is what all of them show.
var rareColour = [3]int{176, 80, 48}

// pictures has ffmpeg make two seconds of the format; nil if it can't.
func (f rareFormat) pictures(t *testing.T) [][]byte {
	t.Helper()
	args := []string{
		"-nostdin", "-v", "error", "-f", "lavfi",
		"-i", fmt.Sprintf("color=c=0x%02x%02x%02x:s=320x180:r=10:d=2", rareColour[0], rareColour[1], rareColour[2]), "-c:v", f.encoder, "-g", "10", "-b:v", "500k",
	}
	args = append(args, strings.Fields(f.options)...)
	container := "ivf"
	if f.encoder == "libx264" {
		args, container = append(args, "-bf", "0", "-preset", "veryfast", "-x264-params", "aud=1"), "h264"
	}
	var stream, errs bytes.Buffer
	cmd := exec.Command("ffmpeg", append(args, "-f", container, "-")...)
	cmd.Stdout, cmd.Stderr = &stream, &errs
	if err := cmd.Run(); err != nil {
		t.Logf("%s is not tried: %v: %s", f.name, err, errs.String())
		return nil
	}
	if container == "h264" {
		var units [][]byte
		for _, unit := range bytes.Split(stream.Bytes(), []byte{0, 0, 0, 1, 9})[1:] { // access unit delimiters
			_, unit, _ = bytes.Cut(unit, []byte{0, 0})
			units = append(units, append([]byte{0, 0}, unit...))
		}
		return units
	}
	var frames [][]byte
	for b := stream.Bytes()[32:]; len(b) >= 12; {
		n := int(binary.LittleEndian.Uint32(b))
		frames, b = append(frames, b[12:12+n]), b[12+n:]
	}
	return frames
}

// Pictures in formats that browsers don't send are shown as they are.
func TestRareFormats(t *testing.T) {
	var shown []rareFormat
	assaults := map[string]assault{}
	for _, f := range rareFormats() {
		pictures := f.pictures(t)
		if len(pictures) == 0 {
			continue
		}
		turn := time.Duration(len(shown)+1) * time.Millisecond
		shown = append(shown, f)
		assaults[f.name] = func(ctx context.Context, a *attacker) {
			<-time.After(turn) // their tiles come in this order
			repeatedly(f.format, 10, pictures, func(*attacker, []byte) {})(ctx, a)
		}
	}
	s := besiege(t, callreel.Limits{}, assaults)
	s.audible()
	frame := ffmpegtest.Run(t, "-i", s.file, "-vf", "select=eq(n\\,40)", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
	for i, f := range shown {
		got := track(t, s.res.Report, f.name, "video")
		if got.DecodeErrors > 0 || got.Decoded < 40 {
			t.Errorf("%s: %d pictures, %d errors", f.name, got.Decoded, got.DecodeErrors)
		}
		tile := grid(len(shown) + 1)[i+1]
		rgb := colourAt(frame, tile)
		want := rareColour
		if f.grey {
			luma := (299*want[0] + 587*want[1] + 114*want[2]) / 1000
			want = [3]int{luma, luma, luma}
		}
		for c := range rgb {
			if d := rgb[c] - want[c]; d < -10 || d > 10 {
				t.Errorf("%s is shown as %v, want %v", f.name, rgb, want)
				break
			}
		}
	}
}

// Bits of such pictures that changed, and pictures each of which has another
// format than the one before, disturb nobody.
func TestRareFormatsBroken(t *testing.T) {
	assaults, turns := map[string]assault{}, map[string][][]byte{}
	formats := map[string]format{}
	for _, f := range rareFormats() {
		pictures := f.pictures(t)
		if len(pictures) == 0 {
			continue
		}
		assaults[f.name] = repeatedly(f.format, 10, pictures, func(a *attacker, data []byte) {
			for range 1 + len(data)/100 {
				data[a.rng.IntN(len(data))] ^= 1 << a.rng.IntN(8)
			}
		})
		formats[f.encoder] = f.format
		turns[f.encoder] = append(turns[f.encoder], pictures[0])
	}
	for name, pictures := range turns {
		assaults[name+" in turn"] = repeatedly(formats[name], 10, pictures, func(*attacker, []byte) {})
	}
	s := besiege(t, callreel.Limits{}, assaults)
	s.audible()
	for name := range turns {
		if got := track(t, s.res.Report, name+" in turn", "video"); got.Decoded < 40 {
			t.Errorf("%s: of formats in turn %d pictures are decoded, %d errors", name, got.Decoded, got.DecodeErrors)
		}
	}
}

// colourAt returns the mean near the middle of a tile, well above the label.
func colourAt(frame []byte, tile image.Rectangle) (rgb [3]int) {
	x, y := (tile.Min.X+tile.Max.X)/2, (5*tile.Min.Y+3*tile.Max.Y)/8
	for dy := -2; dy < 2; dy++ {
		for dx := -2; dx < 2; dx++ {
			for c := range rgb {
				rgb[c] += int(frame[((y+dy)*small.X+x+dx)*3+c])
			}
		}
	}
	for c := range rgb {
		rgb[c] /= 16
	}
	return rgb
}
