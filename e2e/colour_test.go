package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/h264writer"
	"github.com/pion/webrtc/v4/pkg/media/ivfwriter"

	"github.com/callreel/callreel/internal/capture"
)

// patches are sRGB: eight colours and four greys, in three rows.
var patches = [12][3]int{
	{200, 0, 0},
	{0, 160, 0},
	{0, 0, 220},
	{0, 170, 170},
	{180, 0, 180},
	{190, 190, 0},
	{220, 150, 110},
	{90, 60, 140},
	{0, 0, 0},
	{96, 96, 96},
	{176, 176, 176},
	{255, 255, 255},
}

// patchStream is JavaScript for a stream of the patches.
func patchStream(size image.Point) string {
	colours, _ := json.Marshal(patches) // of numbers
	return fmt.Sprintf(`((width, height, colours) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const paint = () => colours.forEach((c, i) => {
    context.fillStyle = "rgb(" + c.join(" ") + ")";
    context.fillRect(Math.round(i %% 4 * width / 4), Math.round(Math.floor(i / 4) * height / 3), Math.ceil(width / 4), Math.ceil(height / 3));
  });
  paint();
  setInterval(paint, 100);
  return canvas.captureStream();
})(%d, %d, %s)`, size.X, size.Y, colours)
}

// Colours that a browser sends are recorded as they were sent: within 3 levels of
// what FFmpeg alone makes of the packets, and that is near what was drawn.
//
// Chromium 156 sends a canvas as BT.709 in full range with every codec. In the
// color-space extension it says so, and in the VUI of H.264. VP9 and AV1 streams
// say limited range and no matrix, and VP8 has no say; who believes them is 38
// levels off.
func TestColours(t *testing.T) {
	t.Parallel()
	codecs := []string{"vp8", "vp9", "h264", "av1"}
	for _, size := range []image.Point{{640, 360}, {427, 241}} {
		t.Run(fmt.Sprintf("%dx%d", size.X, size.Y), func(t *testing.T) {
			ann := browser(t)
			s := serve(t, "--capture")
			ann.visit(s, "room")
			for _, codec := range codecs {
				ann.publish(publication{
					Call: "room", Participant: codec, Codec: codec, Stream: patchStream(size),
					Encodings: []map[string]any{{"maxBitrate": 2_000_000}},
				})
			}
			ann.sends(size.X, 20)
			r := s.start("room")
			pass(t, 3*time.Second)
			m := r.stop()
			ann.unpublish()
			recorded := lastFrame(t, m.file, "in_color_matrix=auto:in_range=auto")
			for i, codec := range codecs {
				stream, colours := extract(t, s.stored(r.id, "capture.pcapng"), codec)
				sent := lastFrame(t, stream, colours)
				checkPatches(t, codec, recorded.patches(grid(len(codecs))[i]), sent.patches(image.Rectangle{Max: sent.size}))
			}
		})
	}
}

// checkPatches compares what is recorded of a codec with what was sent, and that
// with what was drawn, which is up to the browser.
func checkPatches(t *testing.T, codec string, recorded, sent [12][3]float64) {
	t.Helper()
	const tolerance, ofTheBrowser = 3, 4
	var most, own float64
	for i := range patches {
		for c := range 3 {
			d, e := recorded[i][c]-sent[i][c], sent[i][c]-float64(patches[i][c])
			most, own = max(most, math.Abs(d)), max(own, math.Abs(e))
			if math.Abs(d) > tolerance || math.Abs(e) > ofTheBrowser {
				t.Errorf("%s: patch %v was sent as %.1f and is recorded as %.1f", codec, patches[i], sent[i], recorded[i])
				break
			}
		}
	}
	t.Logf("%s: recorded within %.1f levels of what was sent, which is within %.1f of what was drawn", codec, most, own)
}

// rgb is a picture of three bytes a pixel.
type rgb struct {
	size image.Point
	pix  []byte
}

// lastFrame decodes the last picture of a file; colours are as FFmpeg's filter
// scale has them.
func lastFrame(t *testing.T, file, colours string) rgb {
	t.Helper()
	said := ffprobe(t, "-select_streams", "v", "-read_intervals", "%+#1",
		"-show_entries", "frame=width,height,color_range,color_space", "-of", "csv=p=0", file)
	img := rgb{}
	tags := strings.SplitN(strings.TrimSpace(string(said)), ",", 3)
	_, err := fmt.Sscan(tags[0]+" "+tags[1], &img.size.X, &img.size.Y)
	must(t, err)
	t.Logf("%s: %s, taken for %s", filepath.Base(file), tags[2], colours)
	img.pix = make([]byte, img.size.X*img.size.Y*3)
	n := 0
	ffmpeg(t, func(r io.Reader) error {
		for ; ; n++ {
			if _, err := io.ReadFull(r, img.pix); err != nil {
				return ignoreEOF(err)
			}
		}
	}, "-i", file, "-map", "0:v", "-vf", "scale=flags=accurate_rnd+full_chroma_int+bicubic:"+colours, "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
	if n == 0 {
		t.Fatalf("%s has no pictures", file)
	}
	return img
}

// patches returns the mean colours in the middle of the patches in a part of the
// picture, away from the label.
func (p rgb) patches(r image.Rectangle) (means [12][3]float64) {
	for i := range means {
		w, h := r.Dx()/4, r.Dy()/3
		at := r.Min.Add(image.Pt(i%4*w+w/4, i/4*h+h/4))
		for y := at.Y; y < at.Y+h/4; y++ {
			for x := at.X; x < at.X+w/2; x++ {
				for c := range 3 {
					means[i][c] += float64(p.pix[(y*p.size.X+x)*3+c]) / float64(w/2*(h/4))
				}
			}
		}
	}
	return means
}

// extract writes the video of a participant, who has the name of its codec, from
// a capture into a file, with nothing of ours but the reader of captures; and
// says what the sender tells of colours.
func extract(t *testing.T, file, codec string) (name, colours string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), codec+".ivf")
	if codec == "h264" {
		name = filepath.Join(t.TempDir(), codec+".h264")
	}
	out, err := os.Create(name)
	must(t, err)
	var w interface {
		WriteRTP(packet *rtp.Packet) error
		Close() error
	} = h264writer.NewWith(out)
	if codec != "h264" {
		w, err = ivfwriter.NewWith(out, ivfwriter.WithCodec("video/"+strings.ToUpper(codec)))
		must(t, err)
	}
	packets, extension := packetsOf(t, file, codec)
	for _, p := range packets {
		must(t, w.WriteRTP(p))
		if b := p.GetExtension(extension); len(b) == 4 {
			matrix := map[byte]string{1: "bt709", 5: "bt470", 6: "smpte170m"}[b[2]]
			colours = fmt.Sprintf("in_color_matrix=%s:in_range=%s", matrix, [...]string{"", "tv", "pc", ""}[b[3]>>4&3])
		}
	}
	must(t, w.Close()) // which closes the file too
	if colours == "" {
		t.Skipf("this browser says nothing of the colours of %s in %d packets; Chromium 156 does", codec, len(packets))
	}
	return name, colours
}

// packetsOf returns the packets of a participant's video in order, and the ID of
// the color-space extension.
func packetsOf(t *testing.T, file, participant string) (packets []*rtp.Packet, extension uint8) {
	t.Helper()
	for _, s := range capturedOf(t, file, "video/") {
		if s.participant == participant {
			packets, extension = s.packets, s.Extensions.ColorSpace
		}
	}
	order := func(a, b *rtp.Packet) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) }
	slices.SortStableFunc(packets, order)
	return slices.CompactFunc(packets, func(a, b *rtp.Packet) bool { return order(a, b) == 0 }), extension
}

// captured is what came of a track.
type captured struct {
	capture.Track
	participant string
	packets     []*rtp.Packet // as they came
}

// capturedOf reads a capture, with nothing of ours but the reader of captures, and
// returns its tracks of a kind.
func capturedOf(t *testing.T, file, kind string) (all []*captured) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	names, tracks := make(map[uint32]string), make(map[capture.Flow]*captured)
	for r := capture.NewReader(bytes.NewReader(data)); ; {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		switch e := rec.Event; {
		case e != nil && e.Type == capture.Join:
			names[e.Flow.Stay] = e.Participant
		case e != nil && e.Type == capture.Added && strings.HasPrefix(e.Track.MimeType, kind):
			tracks[e.Flow] = &captured{Track: *e.Track, participant: names[e.Flow.Stay]}
			all = append(all, tracks[e.Flow])
		case rec.RTP != nil && tracks[rec.Flow] != nil:
			tracks[rec.Flow].packets = append(tracks[rec.Flow].packets, rec.RTP)
		}
	}
}
