package e2e

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/callreel/callreel/internal/simulate"
)

var update = flag.Bool("update", false, "make the captures in testdata anew")

const goldenTime = 3500 * time.Millisecond

// goldens are the captures in testdata. The index is the simulated participant's.
var goldens = []struct {
	name, codec   string
	index         int
	width, height int
	encodings     []map[string]any
}{
	{"vp8-simulcast", "vp8", 1, 1280, 720, []map[string]any{
		{"rid": "q", "scaleResolutionDownBy": 4, "maxBitrate": 80_000},
		{"rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 150_000},
		{"rid": "f", "maxBitrate": 400_000},
	}},
	{"vp9-svc", "vp9", 2, 1280, 720, []map[string]any{{"scalabilityMode": "L3T3_KEY", "maxBitrate": 900_000}}},
	{"h264", "h264", 3, 640, 360, []map[string]any{{"maxBitrate": 400_000}}},
	{"av1", "av1", 4, 640, 360, []map[string]any{{"scalabilityMode": "L1T3", "maxBitrate": 300_000}}},
}

// TestGolden makes the captures that the tests of the root package replay: what
// Chromium sends of the film of a simulated participant.
func TestGolden(t *testing.T) {
	if !*update {
		t.Skip("makes testdata/*.pcapng anew, with -update")
	}
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			cfg := simulate.Config{Index: g.index, Width: g.width, Height: g.height, FPS: 25}
			video, audio := film(t, cfg, 24*time.Second)
			ann := browser(t,
				chromedp.Flag("use-file-for-fake-video-capture", video),
				chromedp.Flag("use-file-for-fake-audio-capture", audio),
			)
			s := serve(t, "--capture")
			ann.visit(s, g.name)
			ann.publish(publication{
				Call: g.name, Participant: "ann", Codec: g.codec, Encodings: g.encodings,
				Stream: cameraStream(g.width, g.height, cfg.FPS),
			})
			ann.sends(g.width, 2*cfg.FPS)
			t.Log(ann.value("sent"))
			r := s.start(g.name)
			pass(t, goldenTime)
			r.stop()
			ann.unpublish()
			data, err := os.ReadFile(s.stored(r.id, "capture.pcapng"))
			must(t, err)
			t.Logf("%d bytes", len(data))
			must(t, os.WriteFile(filepath.Join("..", "testdata", g.name+".pcapng"), data, 0o644))
		})
	}
}

// film writes what a simulated participant shows and says into files for
// Chromium's fake camera and microphone.
func film(t *testing.T, cfg simulate.Config, length time.Duration) (video, audio string) {
	t.Helper()
	f, err := simulate.NewFilm(cfg)
	must(t, err)
	dir := t.TempDir()
	video, audio = filepath.Join(dir, "film.y4m"), filepath.Join(dir, "film.wav")
	writeFile(t, video, func(w *bufio.Writer) error {
		_, err := fmt.Fprintf(w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", cfg.Width, cfg.Height, cfg.FPS)
		step := time.Second / time.Duration(cfg.FPS)
		for at := time.Duration(0); at < length && err == nil; at += step {
			img := f.Picture(at)
			_, err = w.WriteString("FRAME\n")
			for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
				_, wrong := w.Write(plane)
				err = errors.Join(err, wrong)
			}
		}
		return err
	})
	writeFile(t, audio, func(w *bufio.Writer) error {
		pcm := make([]int16, 48000*length/time.Second)
		f.Sound(pcm, 0)
		n := uint32(2 * len(pcm))
		return errors.Join(
			binary.Write(w, binary.LittleEndian, []uint32{0x46464952, n + 36, 0x45564157, 0x20746d66, 16}), // RIFF, WAVE, fmt
			binary.Write(w, binary.LittleEndian, []uint16{1, 1}),                                           // PCM, mono
			binary.Write(w, binary.LittleEndian, []uint32{48000, 96000, 16<<16 | 2, 0x61746164, n}),        // data
			binary.Write(w, binary.LittleEndian, pcm),
		)
	})
	return video, audio
}

func writeFile(t *testing.T, name string, write func(*bufio.Writer) error) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	w := bufio.NewWriterSize(f, 1<<20)
	must(t, errors.Join(write(w), w.Flush(), f.Close()))
}
