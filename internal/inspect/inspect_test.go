package inspect_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/inspect"
	"github.com/callreel/callreel/muxer"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// memFile is a muxer.File in memory.
type memFile struct{ data []byte }

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(f.data).ReadAt(b, at)
}

func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	if n := int(at) + len(b); n > len(f.data) {
		f.data = append(f.data, make([]byte, n-len(f.data))...)
	}
	return copy(f.data[at:], b), nil
}

func (f *memFile) Truncate(n int64) error { f.data = f.data[:n]; return nil }
func (f *memFile) Sync() error            { return nil }
func (f *memFile) Close() error           { return nil }

const frame = 6000 // ticks, 8 frames/s

// record muxes 6 s of media that no decoder would like, with a key frame every
// 4 s. Each picture but the key frames is shown after the one that follows it.
func record(tb testing.TB, finish bool) []byte {
	tb.Helper()
	cfg := muxer.Config{
		Video: &muxer.VideoTrack{
			Width: 128, Height: 96, PPS: [][]byte{{0x68, 0xeb, 0xc0, 0x94, 0xb2, 0x2c}},
			SPS: [][]byte{{
				0x67, 0x64, 0, 0x0a, 0xac, 0xb2, 4, 0x1b, 0x60, 0x2d, 0x40, 0x40, 0x40, 0x50,
				0, 0, 3, 0, 0x10, 0, 0, 3, 1, 0, 0xf1, 0x22, 0x64, 0x80,
			}},
			Colour: muxer.Colour{Primaries: 1, Transfer: 1, Matrix: 1}, DecodeDelay: frame,
		},
		Audio:   &muxer.AudioTrack{Config: []byte{0x14, 0x08}, SampleRate: 16000, BitRate: 32000},
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	f := &memFile{}
	m, err := muxer.New(cfg, func(int) (muxer.File, error) { return f, nil })
	if err != nil {
		tb.Fatal(err)
	}
	audio := muxer.Sample{Data: []byte{1, 2, 3}, PTS: -1024, Duration: 1024}
	for i := range int64(48) {
		s := muxer.Sample{Data: []byte{0, 0, 0, 2, 0x61, 9}, DTS: (i - 1) * frame, PTS: shown(i) * frame, Duration: frame}
		if i%32 == 0 {
			s.Key, s.Data[4] = true, 0x65
		}
		if err := m.WriteVideo(s); err != nil {
			tb.Fatal(err)
		}
		for ; audio.PTS*3 < (i+1)*frame; audio.PTS += audio.Duration {
			if err := m.WriteAudio(audio); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if finish {
		if _, err := m.Close(48 * frame); err != nil {
			tb.Fatal(err)
		}
	}
	return f.data
}

// shown is at which place picture i in decode order is shown: 0 2 1 4 3 and so
// on, up to the last before the next key frame.
func shown(i int64) int64 {
	switch n := i % 32; {
	case n == 0, n == 31, i == 47:
		return i
	case n%2 == 1:
		return i + 1
	default:
		return i - 1
	}
}

func look(t *testing.T, data []byte) inspect.Report {
	t.Helper()
	r, err := inspect.File(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestChunk(t *testing.T) {
	r := look(t, record(t, true))
	if r.Broken() || len(r.Problems) > 0 {
		t.Errorf("%+v", r.Problems)
	}
	var got bytes.Buffer
	if err := r.WriteText(&got); err != nil {
		t.Fatal(err)
	}
	got.WriteString("\n")
	e := json.NewEncoder(&got)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("testdata", "chunk.golden")
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the report changed, see -update:\n%s", &got)
	}
}

func TestUnfinished(t *testing.T) {
	r := look(t, record(t, false))
	if r.Broken() || len(r.Problems) != 2 || r.Duration != 0 || r.Index || r.Fragments != 2 {
		t.Errorf("%+v", r)
	}
	if v := r.Tracks[0]; v.Samples != 32 || !v.ExactGrid || v.FrameRate != "8" {
		t.Errorf("%+v", v)
	}
}

// TestBroken damages a chunk in one place each.
func TestBroken(t *testing.T) {
	chunk := record(t, true)
	at := func(name string, nth int) int {
		pos := 0
		for range nth {
			pos += bytes.Index(chunk[pos:], []byte(name)) + 4
		}
		return pos
	}
	put := func(pos int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.BigEndian.PutUint32(b[pos:], v); return b }
	}
	cut := func(from, to int) func([]byte) []byte {
		return func(b []byte) []byte { return slices.Delete(b, from, to) }
	}
	moov, moof1, moof2, moof3 := at("moov", 1)-8, at("moof", 1)-8, at("moof", 2)-8, at("moof", 3)-8
	mdat1 := at("mdat", 1) - 8
	entry := at("trun", 1) + 12 // the first of video: duration, size, flags, offset
	tests := map[string]struct {
		damage func([]byte) []byte
		broken bool
		want   string
	}{
		"cut in mdat":       {cut(len(chunk)-800, len(chunk)), true, "is cut off"},
		"cut in header":     {cut(moof2+5, len(chunk)), true, "is cut off"},
		"no mdat":           {cut(mdat1, moof2), true, "has no mdat"},
		"ends after moof":   {cut(mdat1, len(chunk)), true, "last fragment has no mdat"},
		"no moov":           {cut(moov, moof1), true, "no moov"},
		"two moov":          {func(b []byte) []byte { return slices.Insert(b, moof1, b[moov:moof1]...) }, true, "second moov"},
		"first missing":     {cut(moof1, moof2), true, "begins at decode time 96000"},
		"fragment missing":  {cut(moof2, moof3), true, "the first at 96000 by 96000"},
		"hole":              {put(at("tfdt", 3)+8, 97000), true, "the first at 96000 by 1000"},
		"overlap":           {put(at("tfdt", 4)+8, 10), true, "gaps or overlaps"},
		"sample too large":  {put(entry+4, 5000), true, "outside its mdat"},
		"data elsewhere":    {put(at("trun", 1)+8, 1), true, "outside its mdat"},
		"first not key":     {put(entry+8, 0x01010000), true, "does not begin with a key frame"},
		"other track":       {put(at("tfhd", 1)+4, 9), true, "track 9, which does not exist"},
		"long edit":         {put(at("elst", 1)+12, 48000*9), true, "the edit list wants"},
		"wrong index":       {put(at("tfra", 1)+16+12, 3), true, "where there is none"},
		"no index":          {cut(at("mfra", 1)-8, len(chunk)), false, "no index"},
		"number goes back":  {put(at("mfhd", 2)+4, 1), false, "has number 1 after 1"},
		"header's duration": {put(at("mehd", 1)+8, 48000), false, "the header's duration is 48000"},
		"track header":      {put(at("mdhd", 1)-4, 0x78787878), true, "no complete header"},
		"malformed box":     {put(at("tfdt", 1)-8, 7), true, "malformed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := look(t, test.damage(slices.Clone(chunk)))
			text := fmt.Sprint(r.Problems)
			if r.Broken() != test.broken || !strings.Contains(text, test.want) {
				t.Errorf("broken %v, want %v and %q: %s", r.Broken(), test.broken, test.want, text)
			}
		})
	}
}

func TestManyProblems(t *testing.T) {
	data := record(t, true)
	var many []byte
	for range 60 {
		many = append(many, data...)
	}
	r := look(t, many)
	if len(r.Problems) != 100 || r.MoreProblems == 0 || len(r.Tracks[0].Gaps) > 100 {
		t.Errorf("%d problems and %d, %d gaps", len(r.Problems), r.MoreProblems, len(r.Tracks[0].Gaps))
	}
}

func TestNotMP4(t *testing.T) {
	for _, s := range []string{"", "RIFF", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x00"} {
		if _, err := inspect.File(strings.NewReader(s), int64(len(s))); !errors.Is(err, inspect.ErrNotMP4) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestReadError(t *testing.T) {
	data := record(t, true)
	r := io.NewSectionReader(bytes.NewReader(data[:len(data)/2]), 0, int64(len(data)/2))
	if _, err := inspect.File(r, int64(len(data))); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want EOF", err)
	}
}

// TestFFmpeg compares what is said of files that others made with ffprobe.
func TestFFmpeg(t *testing.T) {
	tests := map[string][]string{
		"progressive": {},
		"faststart":   {"-movflags", "+faststart"},
		"fragmented":  {"-movflags", "+frag_keyframe+delay_moov"},
		"empty moov":  {"-movflags", "+frag_keyframe+empty_moov+default_base_moof"},
		"stereo":      {"-ac", "2", "-ar", "48000"},
		"29.97":       {"-r", "30000/1001"},
		"HEVC":        {"-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, data := encode(t, args...)
			r := look(t, data)
			if r.Broken() || len(r.Tracks) != 2 {
				t.Fatalf("%+v", r)
			}
			v := r.Tracks[0]
			exact := name != "29.97" && name != "empty moov" // which has no edit list
			if !v.ExactGrid || exact && v.Duration != 3*v.Timescale {
				t.Errorf("%+v", v)
			}
			compare(t, r, file)
		})
	}
}

// encode has ffmpeg make a file of 3 s.
func encode(tb testing.TB, args ...string) (name string, data []byte) {
	tb.Helper()
	name = filepath.Join(tb.TempDir(), "a.mp4")
	all := []string{
		"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=8:d=3", "-f", "lavfi", "-i", "sine=r=16000:d=3",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "8", "-preset", "ultrafast", "-bf", "2", "-threads", "1", "-c:a", "aac",
	}
	if out, err := exec.Command("ffmpeg", append(append(all, args...), name)...).CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return name, data
}

// compare wants ffprobe to count the same samples, bytes and key frames.
func compare(t *testing.T, r inspect.Report, file string) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-of", "json", "-show_packets", "-show_streams", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var probe struct {
		Packets []struct {
			Stream int    `json:"stream_index"`
			Size   int64  `json:"size,string"`
			Flags  string `json:"flags"`
		}
		Streams []struct {
			Rate     string `json:"r_frame_rate"`
			Channels int    `json:"channels"`
			Profile  string `json:"profile"`
		}
	}
	if err := json.Unmarshal(out, &probe); err != nil {
		t.Fatal(err)
	}
	var want [2]inspect.Track
	for _, p := range probe.Packets {
		want[p.Stream].Samples++
		want[p.Stream].Bytes += p.Size
		if p.Stream == 0 && p.Flags[0] == 'K' {
			want[0].KeyFrames++
		}
	}
	for i, got := range r.Tracks {
		if got.Samples != want[i].Samples || got.Bytes != want[i].Bytes || got.KeyFrames != want[i].KeyFrames {
			t.Errorf("track %d: %+v, ffprobe counts %+v", i, got, want[i])
		}
	}
	if got := strings.TrimSuffix(probe.Streams[0].Rate, "/1"); got != r.Tracks[0].FrameRate {
		t.Errorf("%s frames/s, ffprobe says %s", r.Tracks[0].FrameRate, got)
	}
	if got := probe.Streams[1].Channels; got != r.Tracks[1].Channels || r.Tracks[1].Codec != "mp4a.40.2" {
		t.Errorf("%+v, ffprobe says %d channels", r.Tracks[1], got)
	}
}

func FuzzFile(f *testing.F) {
	f.Add(record(f, true))
	f.Add(record(f, false))
	_, progressive := encode(f, "-an")
	i := bytes.Index(progressive, []byte("moov")) - 4
	f.Add(append(progressive[i:], progressive[:i]...)) // most of it is media
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := inspect.File(bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, inspect.ErrNotMP4) {
			t.Fatal(err)
		}
		if err := r.WriteText(io.Discard); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		for _, track := range r.Tracks {
			if track.Samples < 0 || track.Duration < 0 || track.Decoded < 0 {
				t.Fatalf("%+v", track)
			}
		}
	})
}

func ExampleFile() {
	data := []byte("\x00\x00\x00\x10ftypmp42\x00\x00\x00\x00\x00\x00\x01\x00mdat")
	r, err := inspect.File(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range r.Problems {
		fmt.Printf("%s: %s\n", p.Severity, p.Text)
	}
	fmt.Println("broken:", r.Broken())
	// Output:
	// error: mdat at byte 16 is cut off or has a wrong size
	// error: there is no moov
	// broken: true
}
