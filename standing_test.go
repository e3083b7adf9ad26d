package callreel

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/avc"

	"github.com/callreel/callreel/internal/ffmpegtest"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

// chunkFolder has the chunks of an output.
type chunkFolder string

func (d chunkFolder) name(index int) string {
	return filepath.Join(string(d), fmt.Sprint(index, ".mp4"))
}

func (d chunkFolder) createChunk(index int) (muxer.File, error) { return os.Create(d.name(index)) }

func (d chunkFolder) openChunk(index int) (muxer.File, error) {
	return os.OpenFile(d.name(index), os.O_RDWR, 0)
}

func (d chunkFolder) discardChunk(index int) error {
	if err := os.Remove(d.name(index)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// standingCase is a recording of pictures, some of which stand.
type standingCase struct {
	name    string
	video   VideoSettings
	chunk   time.Duration
	frames  int
	moves   func(n int) bool      // frame n has another picture than the one before
	kind    func(n int) frameKind // of frame n otherwise, when it is overloaded; nil: as at full level
	spared  bool                  // at least half of all frames were not encoded
	anew    func(n int) bool      // frame n is encoded again though it is the same; nil: none is
	pausing func(n int) bool      // before frame n there is a pause
}

// Somebody moves from the 30th to the 34th second, and once in the 45th.
func movesThen(n int) bool { return n == 0 || n >= 240 && n < 272 || n == 360 }

func standingCases() []standingCase {
	all := []standingCase{
		{name: "one chunk", frames: 420, chunk: time.Hour, moves: movesThen, spared: true},
		{name: "chunks", frames: 420, chunk: 5 * time.Second, moves: movesThen, spared: true},
		{name: "a cut next to a key frame", frames: 200, chunk: 4125 * time.Millisecond, moves: func(n int) bool { return n == 0 }, spared: true, anew: func(n int) bool { return n%33 == 0 }},
		{name: "a change next to a key frame", frames: 200, chunk: time.Hour, moves: func(n int) bool { return n%33 == 0 }, spared: true},
		{name: "now and then", frames: 300, chunk: time.Hour, moves: func(n int) bool { return n%14 == 0 || n%23 == 0 }},
		{name: "ends while it looks ahead", frames: 9, chunk: time.Hour, moves: movesThen},
		{name: "always", frames: 100, chunk: time.Hour, moves: func(int) bool { return true }},
		{name: "overloaded", frames: 420, chunk: time.Hour, moves: movesThen, kind: func(n int) frameKind {
			if n%60 < 30 {
				return usual
			}
			return sparse
		}},
	}
	pauses := func(n int) bool { return n == 1 || n%33 == 0 || n > 265 && n < 275 }
	all = append(all, standingCase{name: "pauses, always", frames: 100, chunk: time.Hour, moves: func(int) bool { return true }, pausing: pauses},
		standingCase{name: "pauses", frames: 420, chunk: 10 * time.Second, moves: movesThen, spared: true, pausing: pauses},
		standingCase{name: "pauses, B-frames", frames: 290, chunk: time.Hour, moves: movesThen, pausing: pauses, video: VideoSettings{Options: map[string]string{"bf": "3", "preset": "veryfast"}}})
	for name, v := range map[string]VideoSettings{
		"baseline":           {Options: map[string]string{"profile": "baseline", "bf": "0"}},
		"three B-frames":     {Options: map[string]string{"bf": "3", "preset": "veryfast"}},
		"no lookahead":       {Options: map[string]string{"tune": "zerolatency", "rc-lookahead": "0"}},
		"can't be repeated":  {Options: map[string]string{"x264-params": "pic-struct=1"}},
		"another encoder":    {Encoder: "libopenh264", Options: map[string]string{"allow_skip_frames": "0"}},
		"long reach of GOPs": {Options: map[string]string{"rc-lookahead": "60"}},
	} {
		all = append(all, standingCase{name: name, frames: 290, chunk: 10 * time.Second, moves: movesThen, video: v})
	}
	return all
}

func TestStandingPictures(t *testing.T) {
	for _, c := range standingCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := chunkFolder(t.TempDir())
			chunks, encoded := c.record(t, dir)
			if c.spared && encoded > c.frames/2 {
				t.Errorf("%d of %d frames were encoded", encoded, c.frames)
			}
			var frames [][]byte
			for i, chunk := range chunks {
				if chunk.Start != int64(len(frames))*6000 && c.kind == nil {
					t.Errorf("chunk %d begins at %d, after %d frames", i, chunk.Start, len(frames))
				}
				frames = append(frames, c.check(t, dir.name(i), chunk.End-chunk.Start)...)
			}
			if len(frames) != c.frames {
				t.Fatalf("%d frames, want %d", len(frames), c.frames)
			}
			c.compare(t, frames)
		})
	}
}

// record writes the chunks and counts the frames that were encoded.
func (c *standingCase) record(t *testing.T, dir chunkFolder) (chunks []doneChunk, encoded int) {
	t.Helper()
	cfg := RecordingConfig{Conversation: "c", Width: 320, Height: 192, ChunkDuration: c.chunk, Video: c.video, SyncInterval: -1}
	cfg.setDefaults()
	o, err := newOutput(cfg, time.Unix(0, 0), origin{}, dir)
	if err != nil {
		if c.video.Encoder != "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	defer o.close()
	picture := -1
	for n := range c.frames {
		if c.pausing != nil && c.pausing(n) {
			if err := o.secure(int64(n)); err != nil {
				t.Fatalf("a pause before frame %d: %v", n, err)
			}
		}
		of := unchanged
		if c.moves(n) {
			picture, of = n, usual
		}
		if c.kind != nil && c.kind(n) == sparse {
			if of = repeated; c.moves(n) {
				of = sparse
			}
		}
		if err := o.video(canvasOf(picture), int64(n), of); err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		if !o.still {
			encoded++
		}
		if err := o.audio(make([]int16, 2000)); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err = o.finish(int64(c.frames))
	if err != nil {
		t.Fatal(err)
	}
	if end := chunks[len(chunks)-1].End; timebase.Ticks(end) != timebase.Ticks(c.frames)*o.frameLen {
		t.Errorf("ends at %d", end)
	}
	return chunks, encoded
}

// canvasOf draws picture n: a grey that tells it, and a pattern.
func canvasOf(n int) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, 320, 192), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = greyOf(n) + uint8(i%320/40+i/320/48)
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = 120, 136
	}
	return img
}

func greyOf(n int) uint8 { return uint8(30 + n*37%160) }

// check decodes a chunk, of which nothing may be wrong, and returns its frames,
// each as often as it is shown.
func (c *standingCase) check(t *testing.T, file string, length int64) (frames [][]byte) {
	t.Helper()
	packets := strings.Fields(ffmpegtest.Probe(t, "-select_streams", "v", "-show_entries", "packet=pts,dts,flags", file))
	var shown []int64
	last, since := int64(-1<<62), int64(0)
	for i, p := range packets {
		f := strings.Split(p, ",")
		pts, dts := number(t, f[0]), number(t, f[1])
		if dts <= last || pts < dts || pts%6000 != 0 {
			t.Fatalf("%s: packet %d: DTS %d after %d, PTS %d", file, i, dts, last, pts)
		}
		key := strings.HasPrefix(f[2], "K")
		if key {
			since = pts
		}
		if i == 0 && !key || pts-since >= int64(keyInterval) && c.kind == nil {
			t.Fatalf("%s: packet %d at %d: the last key frame is at %d", file, i, pts, since)
		}
		last, shown = dts, append(shown, pts)
	}
	slices.Sort(shown)
	stream := filepath.Join(t.TempDir(), "video.h264")
	raw := ffmpegtest.Run(t, "-i", file, "-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-",
		"-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb,filter_units=pass_types=1|5|7|8", "-f", "h264", stream)
	checkNumbers(t, stream)
	const size = 320 * 192 * 3 / 2
	if len(raw) != len(shown)*size {
		t.Fatalf("%s: %d packets, %d pictures", file, len(shown), len(raw)/size)
	}
	for i, end := range append(shown[1:], length) {
		if lasts := end - shown[i]; c.kind == nil && lasts != 6000 {
			t.Fatalf("%s: the picture at %d lasts %d", file, shown[i], lasts)
		}
		for at := shown[i]; at < end; at += 6000 {
			frames = append(frames, raw[i*size:(i+1)*size])
		}
	}
	return frames
}

// compare checks that each frame is the picture that it was, and that those that
// stand do, from two seconds after the last change on.
func (c *standingCase) compare(t *testing.T, frames [][]byte) {
	t.Helper()
	picture := 0
	for n, f := range frames {
		if c.moves(n) {
			picture = n
		}
		sum := 0
		for _, v := range f[:320*192] {
			sum += int(v)
		}
		if mean, want := sum/(320*192), int(greyOf(picture))+5; mean < want-3 || mean > want+3 {
			t.Fatalf("frame %d: a mean of %d, want %d, picture %d", n, mean, want, picture)
		}
		if c.spared && n-picture > 32 && (c.anew == nil || !c.anew(n)) && !bytes.Equal(f, frames[n-1]) {
			t.Fatalf("frame %d differs from the one before", n)
		}
	}
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkNumbers checks that key frames next to each other have different numbers
// (ISO/IEC 14496-10 section 7.4.3).
func checkNumbers(t *testing.T, file string) {
	t.Helper()
	stream, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sps, pps := map[uint32]*avc.SPS{}, map[uint32]*avc.PPS{}
	last := int64(-1)
	for _, n := range avc.ExtractNalusFromByteStream(stream) {
		switch avc.GetNaluType(n[0]) {
		case avc.NALU_SPS:
			s, err := avc.ParseSPSNALUnit(n, true)
			if err != nil {
				t.Fatal(err)
			}
			sps[s.ParameterID] = s
		case avc.NALU_PPS:
			p, err := avc.ParsePPSNALUnit(n, sps)
			if err != nil {
				t.Fatal(err)
			}
			pps[p.PicParameterSetID] = p
		case avc.NALU_IDR:
			h, err := avc.ParseSliceHeader(n, sps, pps)
			if err != nil {
				t.Fatal(err)
			}
			if h.FirstMBInSlice == 0 && last == int64(h.IDRPicID) {
				t.Errorf("%s: two key frames with number %d", file, last)
			}
			last = int64(h.IDRPicID)
		default:
			last = -1
		}
	}
}
