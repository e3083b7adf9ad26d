package callreel_test

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/ffmpegtest"
	"github.com/callreel/callreel/internal/simulate"
	"github.com/callreel/callreel/storage"
)

// golden is a capture of Chromium that films a simulated participant; see
// testdata/README.md.
type golden struct {
	name, mime string
	index      int // the participant's
	// What is to be decoded for a tile of 1920x1080, and for one of 320x180.
	large, small callreel.LayerUse
}

var goldens = []golden{
	{
		"vp8-simulcast", "video/VP8", 1,
		callreel.LayerUse{RID: "f", Temporal: 1, Width: 1280, Height: 720},
		callreel.LayerUse{RID: "q", Temporal: 1, Width: 320, Height: 180},
	}, {
		"vp9-svc", "video/VP9", 2,
		callreel.LayerUse{Spatial: 2, Temporal: 1, Width: 1280, Height: 720},
		callreel.LayerUse{Spatial: 0, Temporal: 1, Width: 320, Height: 180},
	}, {
		"h264", "video/H264", 3,
		callreel.LayerUse{Temporal: -1, Width: 640, Height: 360},
		callreel.LayerUse{Temporal: -1, Width: 640, Height: 360},
	}, {
		"av1", "video/AV1", 4,
		callreel.LayerUse{Temporal: 1, Width: 640, Height: 360},
		callreel.LayerUse{Temporal: 1, Width: 640, Height: 360},
	},
}

// goldenRate is how many pictures a second were filmed. Eight frames a second
// meet them at phases that are 5 ms apart.
const goldenRate = 25

func (g golden) read(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", g.name+".pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// composition is what was composed of a golden capture.
type composition struct {
	golden
	t      *testing.T
	dir    string
	result callreel.Result
	track  callreel.TrackReport // the camera's
	sound  *movie
	frames []*image.YCbCr
	shown  []time.Duration // when what a frame shows was drawn; below zero: nothing is shown
}

// compose composes a capture; damage is what happens to its packets.
func (g golden) compose(t *testing.T, size image.Point, damage func(callreel.Script) callreel.Script) composition {
	t.Helper()
	src, err := replay.Open(bytes.NewReader(g.read(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := composition{golden: g, t: t, dir: t.TempDir()}
	store := filepath.Join(c.dir, "store")
	settings := callreel.RecordingConfig{Width: size.X, Height: size.Y, Video: smallConfig("").Video}
	c.result, err = callreel.Compose(t.Context(), callreel.Config{
		Storage: storage.Dir(store), Spool: filepath.Join(c.dir, "spool"),
	}, settings, damage(src))
	if err != nil {
		t.Fatal(err)
	}
	if cond := src.Condition(); cond != (replay.Condition{}) {
		t.Errorf("condition %+v", cond)
	}
	for track := range c.result.Report.Tracks() {
		if track.Kind == "video" {
			c.track = track
		}
	}
	file := stored(store, c.result.Chunks[0].MediaKey)
	c.sound = decode(t, file, size)
	c.look(file, size)
	return c
}

func unharmed(s callreel.Script) callreel.Script { return s }

// look decodes the frames and reads when what they show was drawn.
func (c *composition) look(file string, size image.Point) {
	if size.X > 640 { // which is enough to read them
		size = size.Div(3)
	}
	raw := ffmpegtest.Run(c.t, "-i", file, "-map", "0:v", "-vf", fmt.Sprintf("scale=%d:%d:flags=area", size.X, size.Y),
		"-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
	r := image.Rectangle{Max: size}
	for n := size.X * size.Y * 3 / 2; len(raw) >= n; raw = raw[n:] {
		img := image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
		rest := raw[copy(img.Y, raw):]
		copy(img.Cr, rest[copy(img.Cb, rest):])
		at := time.Duration(-1)
		if s, ok := simulate.ReadStrip(img, r); ok && s.Index == c.index {
			at = s.Time
		}
		c.frames, c.shown = append(c.frames, img), append(c.shown, at)
	}
}

func TestGoldenCaptures(t *testing.T) {
	t.Parallel()
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			w := readWire(t, g.read(t))
			large := g.compose(t, image.Pt(1920, 1080), unharmed)
			large.check(w)
			large.uses(w, g.large)
			tiny := g.compose(t, image.Pt(320, 180), unharmed)
			tiny.check(w)
			tiny.uses(w, g.small)
			again := g.compose(t, image.Pt(320, 180), unharmed)
			sameFiles(t, filepath.Join(tiny.dir, "store"), filepath.Join(again.dir, "store"))
		})
	}
}

// check checks that the file shows and plays what was sent, when it was sent.
func (c composition) check(w wire) {
	c.t.Helper()
	c.sound.lasts(w.length)
	if r := c.result.Report; r.Verdict != callreel.Pass || c.track.DecodeErrors > 0 {
		c.t.Errorf("verdict %s: %q, %d decode errors", r.Verdict, r.Reasons, c.track.DecodeErrors)
	}
	c.runs()
	got, sent := c.offset(), w.offset(c.golden)
	c.t.Logf("%dx%d: sound is %v after the pictures, sent %v", c.frames[0].Rect.Dx(), c.frames[0].Rect.Dy(), got, sent)
	if d := got - sent; d.Abs() > 20*time.Millisecond {
		c.t.Errorf("sound is %v after the pictures, but was sent %v after them", got, sent)
	}
}

// lowerStep is the distance of pictures where half of them are in the lower temporal layers.
const lowerStep = 2 * time.Second / goldenRate

// early is how early pictures are shown: where the upper layers are left out, so that they
// are in time on average.
func (c composition) early() time.Duration {
	if c.track.Pictures.Used[0].Temporal >= 0 {
		return lowerStep / 2
	}
	return 0
}

// runs checks that the pictures go on as time does: from the first one on, each
// frame shows one that is no older than the distance of pictures, or, where they are
// early, none that is further away than half of it.
func (c composition) runs() {
	c.t.Helper()
	const jitter = 20 * time.Millisecond // of the camera
	first := slices.IndexFunc(c.shown, func(at time.Duration) bool { return at >= 0 })
	if first < 0 || first > 4 {
		c.t.Fatalf("the first picture is in frame %d", first)
	}
	lag := c.lag()
	for n := first; n < len(c.shown); n++ {
		if age := frameAt(n) - c.shown[n] - lag; c.shown[n] < 0 || age > lowerStep-c.early()+jitter {
			c.t.Errorf("frame %d shows %v, which is %v old", n, c.shown[n], age)
		}
		if lit := c.shown[n]%time.Second < simulate.FlashTime; simulate.ReadFlash(c.frames[n], c.frames[n].Rect) != lit {
			c.t.Errorf("frame %d shows %v, flash %v", n, c.shown[n], !lit)
		}
	}
}

func frameAt(n int) time.Duration { return time.Duration(n) * time.Second / 8 }

// lag is how much later than drawn pictures are in the file: of those that a
// frame shows as soon as it can.
func (c composition) lag() time.Duration {
	least := time.Duration(math.MaxInt64)
	for n, at := range c.shown {
		if at >= 0 {
			least = min(least, frameAt(n)-at)
		}
	}
	return least + c.early()
}

// offset is how much later than the pictures the sound is in the file.
func (c composition) offset() time.Duration {
	var lags []time.Duration
	for _, s := range c.sound.beeps(float64(simulate.ToneOf(c.index))) {
		lags = append(lags, fraction(time.Duration(s*float64(time.Second))-c.lag()))
	}
	if want := int(c.result.Duration / time.Second); len(lags) < want {
		c.t.Fatalf("%d beeps in %v", len(lags), c.result.Duration)
	}
	return mean(lags)
}

// offset is how much later than the pictures the sound was sent, by the sender's
// clock.
func (w wire) offset(g golden) time.Duration {
	w.t.Helper()
	var pictures, beeps []time.Duration
	sent := w.flow(g.mime, g.large.RID).pictures(w.t, -1)
	base := sent[0].sent.Add(-sent[0].drawn)
	for _, p := range sent {
		pictures = append(pictures, p.sent.Sub(base)-p.drawn)
	}
	slices.Sort(pictures)
	lag := pictures[len(pictures)/2] // the median: a camera may be late once
	for _, at := range w.flow("audio/opus", "").beeps(w.t, float64(simulate.ToneOf(g.index))) {
		beeps = append(beeps, fraction(at.Sub(base)-lag))
	}
	if len(beeps) < 3 {
		w.t.Fatalf("%d beeps were sent", len(beeps))
	}
	return mean(beeps)
}

// fraction returns how far d is from whole seconds.
func fraction(d time.Duration) time.Duration { return d - d.Round(time.Second) }

func mean(ds []time.Duration) (sum time.Duration) {
	for _, d := range ds {
		sum += d
	}
	return sum / time.Duration(max(len(ds), 1))
}

// uses checks that one layer is decoded, and not more of it than is needed; but
// for what came before the recording knew how large the tile is.
func (c composition) uses(w wire, want callreel.LayerUse) {
	c.t.Helper()
	used := c.track.Pictures.Used
	if len(used) == 0 {
		c.t.Fatal("nothing is shown")
	}
	most := used[0]
	most.Duration = 0
	const learning = 1250 * time.Millisecond // what arrives until the first frame is composed
	if most != want || used[0].Duration < c.result.Duration-learning {
		c.t.Errorf("used %+v, want %+v", used, want)
	}
	sent := len(w.flow(c.mime, want.RID).pictures(c.t, -1))
	share := float64(c.track.Decoded) / float64(sent)
	c.t.Logf("%d pictures of %d decoded", c.track.Decoded, sent)
	if want.Temporal >= 0 && share > 0.7 || share < 0.4 {
		c.t.Errorf("%d pictures of %d decoded", c.track.Decoded, sent)
	}
}

// Packets that are lost cost pictures, but none that is shown is damaged.
func TestGoldenCapturesWithLoss(t *testing.T) {
	t.Parallel()
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			a := newAlbum(t, readWire(t, g.read(t)), g)
			for seed := range uint64(3) {
				c := g.compose(t, albumSize, func(s callreel.Script) callreel.Script {
					return &lossy{Script: s, rng: rand.New(rand.NewPCG(seed, 5))}
				})
				lost := c.track.Received().Lost
				if lost == 0 {
					t.Error("nothing is lost")
				}
				a.holds(c)
				t.Logf("%d packets lost, %d pictures decoded, frozen for %v", lost, c.track.Decoded, c.track.Pictures.Frozen.Total)
			}
		})
	}
}

// lossy is a script of which, once people are seen, one packet in twenty does not
// arrive.
type lossy struct {
	callreel.Script
	rng *rand.Rand
}

func (l *lossy) Next() (ingest.Step, error) {
	step, err := l.Script.Next()
	if apply := step.Apply; apply != nil {
		step.Apply = func(to ingest.Sink) error {
			return apply(lossySink{to, l.rng, l.Recorded().Start.Add(500 * time.Millisecond)})
		}
	}
	return step, err
}

type lossySink struct {
	ingest.Sink
	rng   *rand.Rand
	after time.Time
}

func (s lossySink) AddTrack(t ingest.TrackInfo) (ingest.Writer, error) {
	w, err := s.Sink.AddTrack(t)
	return lossyWriter{w, s.rng, s.after}, err
}

type lossyWriter struct {
	ingest.Writer
	rng   *rand.Rand
	after time.Time
}

func (w lossyWriter) WriteRTP(p *rtp.Packet, arrival time.Time) error {
	if arrival.After(w.after) && w.rng.IntN(20) == 0 {
		return nil
	}
	return w.Writer.WriteRTP(p, arrival)
}

// albumSize is large enough for strips to be read.
var albumSize = image.Pt(320, 180)

// album holds all pictures that were sent, in the size of a composition, by when
// they were drawn: one of each layer.
type album map[time.Duration][]*image.YCbCr

func newAlbum(t *testing.T, w wire, g golden) album {
	t.Helper()
	a := album{}
	var scaler codec.Scaler
	defer scaler.Close()
	for _, f := range w.flows {
		if f.track.MimeType != g.mime {
			continue
		}
		for spatial := 0; spatial <= int(g.large.Spatial); spatial++ {
			for _, p := range f.pictures(t, spatial) {
				img := image.NewYCbCr(image.Rectangle{Max: albumSize}, image.YCbCrSubsampleRatio420)
				if err := scaler.Scale(img, p.img); err != nil {
					t.Fatal(err)
				}
				a[p.drawn] = append(a[p.drawn], img)
			}
		}
	}
	return a
}

// holds checks that each frame is in the album, but for what coding it again
// changes. A picture that stood for 3 s gives way to the avatar, and the report
// tells that it stood.
func (a album) holds(c composition) {
	c.t.Helper()
	last := 0 // the frame with the last new picture
	for n, at := range c.shown {
		if at < 0 && (n < 4 || n-last >= 3*8-1) {
			continue
		}
		if at != c.shown[last] {
			last = n
		}
		best := math.Inf(1)
		for _, img := range a[at] {
			best = min(best, worstBlock(img, c.frames[n]))
		}
		if best > 10 {
			c.t.Errorf("frame %d, of %v, differs by %.0f from what was sent", n, at, best)
		}
	}
	stood := frameAt(len(c.shown)-1) - frameAt(last)
	if told := c.track.Pictures.Frozen.Total; stood > time.Second && told < stood-time.Second/2 {
		c.t.Errorf("the last picture stood for %v, the report tells of %v", stood, told)
	}
}

// worstBlock returns the largest mean difference in luma of blocks of 16x16
// pixels, above the label.
func worstBlock(a, b *image.YCbCr) (worst float64) {
	const side = 16
	for y := 0; y+side <= a.Rect.Dy()*4/5; y += side {
		for x := 0; x+side <= a.Rect.Dx(); x += side {
			sum := 0.0
			for i := range side * side {
				at := image.Pt(x+i%side, y+i/side)
				sum += math.Abs(float64(a.Y[a.YOffset(at.X, at.Y)]) - float64(b.Y[b.YOffset(at.X, at.Y)]))
			}
			worst = max(worst, sum/(side*side))
		}
	}
	return worst
}
