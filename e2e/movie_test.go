package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"io"
	"iter"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	frameRate  = 8
	sampleRate = 16000
	frameTime  = time.Second / frameRate
)

var canvas = image.Rect(0, 0, 1920, 1080)

// movie is a recorded file, read by FFmpeg alone.
type movie struct {
	t    *testing.T
	file string
	n    int     // frames
	pcm  samples // the sound

	began  time.Time // of the first frame, as the server tells it
	pauses []pause
}

// open looks at a file, in which everything must be as it is promised of each.
func open(t *testing.T, file string) *movie {
	t.Helper()
	m := &movie{t: t, file: file}
	said := m.probe()
	m.checkFormat(said)
	m.checkGrid(said)
	m.listen(said)
	if length := m.length(); (length - m.heard()).Abs() > frameTime {
		t.Errorf("%v of video and %v of audio", length, m.heard())
	}
	m.inspect()
	m.shoot()
	return m
}

// length returns how long the video is.
func (m *movie) length() time.Duration { return time.Duration(m.n) * frameTime }

// heard returns how long the audio is.
func (m *movie) heard() time.Duration { return m.pcm.length() }

// probed is what ffprobe says of a file.
type probed struct {
	Streams []struct {
		CodecName   string `json:"codec_name"`
		Profile     string
		Width       int
		Height      int
		PixelFormat string `json:"pix_fmt"`
		FrameRate   string `json:"avg_frame_rate"`
		SampleRate  string `json:"sample_rate"`
		Channels    int
		TimeBase    string `json:"time_base"`
	}
	Packets []struct {
		Stream   int `json:"stream_index"`
		PTS      int64
		Duration int64
	}
}

// probe asks ffprobe, which must find no fault. It is run once, as to start it
// takes longer than all that it does.
func (m *movie) probe() (got probed) {
	m.t.Helper()
	out := ffprobe(m.t, "-of", "json", "-show_streams", "-show_entries", "packet=stream_index,pts,duration", m.file)
	must(m.t, json.Unmarshal(out, &got))
	return got
}

// ffprobe returns what it prints. It must find no fault.
func ffprobe(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffprobe", append([]string{"-v", "error"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("ffprobe: %v\n%s", err, errs.Bytes())
	}
	return out
}

// checkFormat checks what the streams are.
func (m *movie) checkFormat(got probed) {
	m.t.Helper()
	if len(got.Streams) != 2 {
		m.t.Fatalf("%d streams", len(got.Streams))
	}
	v, a := got.Streams[0], got.Streams[1]
	if v.CodecName != "h264" || v.Profile != "High" || v.Width != canvas.Dx() || v.Height != canvas.Dy() ||
		v.PixelFormat != "yuv420p" || v.FrameRate != "8/1" {
		m.t.Errorf("video: %+v", v)
	}
	if a.CodecName != "aac" || a.Profile != "LC" || a.SampleRate != strconv.Itoa(sampleRate) || a.Channels != 1 {
		m.t.Errorf("audio: %+v", a)
	}
}

// checkGrid checks that frame n is shown at n/8 s exactly, and counts them.
func (m *movie) checkGrid(got probed) {
	m.t.Helper()
	ticks, err := strconv.ParseInt(strings.TrimPrefix(got.Streams[0].TimeBase, "1/"), 10, 64)
	if err != nil || ticks%frameRate != 0 {
		m.t.Fatalf("time base %s", got.Streams[0].TimeBase)
	}
	seen := make(map[int64]bool)
	for _, p := range got.Packets {
		if p.Stream != 0 {
			continue
		}
		if p.PTS%(ticks/frameRate) != 0 || p.Duration != ticks/frameRate {
			m.t.Errorf("a frame at %d/%d s for %d", p.PTS, ticks, p.Duration)
		}
		seen[p.PTS/(ticks/frameRate)] = true
		m.n++
	}
	for n := range m.n {
		if !seen[int64(n)] {
			m.t.Errorf("no frame at %d/8 s", n)
		}
	}
}

// listen decodes the sound. FFmpeg gives what the edit list hides at the begin
// times below zero; that is dropped.
func (m *movie) listen(got probed) {
	m.t.Helper()
	ffmpeg(m.t, m.readSound, "-i", m.file, "-map", "0:a", "-f", "s16le", "-")
	for _, p := range got.Packets {
		if p.Stream != 1 {
			continue
		}
		if p.PTS > 0 || -p.PTS > int64(len(m.pcm)) {
			m.t.Fatalf("the first packet of sound is at %d", p.PTS)
		}
		m.pcm = m.pcm[-p.PTS:]
		return
	}
	m.t.Fatal("there is no sound")
}

// readSound reads samples of 16 bits.
func (m *movie) readSound(r io.Reader) error {
	raw, err := io.ReadAll(r)
	for ; len(raw) >= 2; raw = raw[2:] {
		m.pcm = append(m.pcm, float64(int16(binary.LittleEndian.Uint16(raw)))/32768)
	}
	return err
}

// ffmpeg decodes, in which there must be nothing to complain of. What is read is
// better not kept: nothing in the process goes on while the runtime waits for a
// buffer of 100 MB to be copied into a larger one, and what senders in it should
// have sent in these seconds comes too late.
func ffmpeg(t *testing.T, read func(io.Reader) error, args ...string) {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-xerror", "-nostdin"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	err = read(bufio.NewReaderSize(out, 1<<20))
	if err := errors.Join(err, cmd.Wait()); err != nil || errs.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, errs.Bytes())
	}
}

// frames decodes the pictures, each of which is gone with the next.
func (m *movie) frames() iter.Seq2[int, *image.YCbCr] {
	return func(yield func(int, *image.YCbCr) bool) {
		img := image.NewYCbCr(canvas, image.YCbCrSubsampleRatio420)
		n, going := 0, true
		ffmpeg(m.t, func(r io.Reader) error {
			for {
				for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
					if _, err := io.ReadFull(r, plane); err != nil {
						return ignoreEOF(err)
					}
				}
				going = going && yield(n, img)
				n++
			}
		}, "-i", m.file, "-map", "0:v", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
		if n != m.n {
			m.t.Errorf("%d of %d frames can be decoded", n, m.n)
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// inspect lets the command look at the file.
func (m *movie) inspect() {
	m.t.Helper()
	var report struct {
		Fragmented, Index bool
		Problems          []any
	}
	if err := json.Unmarshal([]byte(callreel(m.t, "inspect", "--json", m.file)), &report); err != nil {
		m.t.Fatal(err)
	}
	if !report.Fragmented || !report.Index || len(report.Problems) > 0 {
		m.t.Errorf("callreel inspect: %+v", report)
	}
}

// shoot leaves a picture of each second for people, in one.
func (m *movie) shoot() {
	m.t.Helper()
	if *shots == "" {
		return
	}
	name := filepath.Join(*shots, strings.ReplaceAll(m.t.Name(), "/", "_")+".png")
	ffmpeg(m.t, func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
		"-i", m.file, "-vf", "fps=1,scale=640:-1,tile=4x5", "-frames:v", "1", "-y", name)
}

// wall returns when a frame was, by the server's clock.
func (m *movie) wall(frame int) time.Time { return m.when(time.Duration(frame) * frameTime) }

// when returns when a position was, by the server's clock.
func (m *movie) when(position time.Duration) time.Time {
	at := m.began.Add(position)
	for _, p := range m.pauses {
		if at.After(p.StartTime) {
			at = at.Add(p.length())
		}
	}
	return at
}
