package muxer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/callreel/callreel/internal/ffmpegtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// packet is what ffprobe says of a sample. The PTS is in the track's timescale,
// after the edit list.
type packet struct {
	stream int
	pts    int64
	key    bool
}

func probe(t *testing.T, data []byte) []packet {
	t.Helper()
	out := ffmpegtest.Probe(t, "-show_entries", "packet=stream_index,pts,flags", save(t, data))
	var packets []packet
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(line), ",")
		stream, err1 := strconv.Atoi(f[0])
		pts, err2 := strconv.ParseInt(f[1], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("ffprobe: %q: %v", line, err)
		}
		packets = append(packets, packet{stream, pts, f[2][0] == 'K'})
	}
	return packets
}

func TestChunks(t *testing.T) {
	for _, b := range []int{0, 3} {
		for _, cuts := range [][]int64{nil, {2 * TickRate, 6 * TickRate}} {
			t.Run(fmt.Sprintf("B%d cut %d", b, len(cuts)), func(t *testing.T) {
				s := bframes(t, b)
				chunks, fs := record(t, s, cuts...)
				bounds := append(append([]int64{0}, cuts...), s.end)
				if len(chunks) != len(bounds)-1 {
					t.Fatalf("%d chunks, want %d", len(chunks), len(bounds)-1)
				}
				for i, c := range chunks {
					if c.Index != i || c.Start != bounds[i] || c.End != bounds[i+1] || c.Bytes != int64(len(fs[i].data)) || !fs[i].closed {
						t.Errorf("chunk %d: %+v, %d bytes, closed %v", i, c, len(fs[i].data), fs[i].closed)
					}
					checkGrid(t, fs[i].data, c.End-c.Start)
					ffmpegtest.Run(t, "-i", save(t, fs[i].data), "-f", "null", "-")
				}
			})
		}
	}
}

// checkGrid wants the pictures of a chunk 6000 ticks apart from zero to its
// end, key frames every 2 s, and sound without a hole up to the same end.
func checkGrid(t *testing.T, data []byte, duration int64) {
	t.Helper()
	var video, audio []int64
	for i, p := range probe(t, data) {
		if p.stream == 1 {
			audio = append(audio, p.pts)
			continue
		}
		video = append(video, p.pts)
		if p.key != (p.pts%(2*TickRate) == 0) {
			t.Errorf("packet %d, picture at %d: key %v", i, p.pts, p.key)
		}
	}
	slices.Sort(video)
	for i, v := range video {
		if v != int64(i)*6000 {
			t.Fatalf("picture %d is shown at %d", i, v)
		}
	}
	for i, v := range audio {
		if v != audio[0]+int64(i)*1024 {
			t.Fatalf("frame %d of audio is heard at %d", i, v)
		}
	}
	if len(audio) > 0 && audio[0] > 0 {
		t.Errorf("audio begins at %d", audio[0])
	}
	checkEnds(t, data, duration)
}

// checkEnds wants all streams to end at the same tick. That is what the
// durations of samples add up to; of packets ffprobe only knows 1024.
func checkEnds(t *testing.T, data []byte, duration int64) {
	t.Helper()
	out := ffmpegtest.Probe(t, "-show_entries", "stream=codec_type,start_pts,duration_ts", save(t, data))
	for line := range strings.Lines(out) {
		var start, length int64
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), ",")
		if _, err := fmt.Sscanf(rest, "%d,%d", &start, &length); err != nil {
			t.Fatalf("ffprobe: %q: %v", line, err)
		}
		end := start + length
		if kind == "audio" {
			end *= 3
		}
		if end != duration {
			t.Errorf("%s ends at %d ticks, want %d", kind, end, duration)
		}
	}
}

// decodeAudio decodes all frames of a chunk and cuts out what the edit list
// says, which ffmpeg does not do for fragmented files.
func decodeAudio(t *testing.T, data []byte) []byte {
	t.Helper()
	file, err := mp4.DecodeFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	e := file.Moov.Traks[len(file.Moov.Traks)-1].Edts.Elst[0].Entries[0]
	pcm := ffmpegtest.Run(t, "-ignore_editlist", "1", "-i", save(t, data), "-map", "0:a", "-f", "f32le", "-c:a", "pcm_f32le", "-")
	from, n := int(e.MediaTime)*4, int(e.SegmentDuration)/3*4
	if len(pcm) < from+n {
		t.Fatalf("%d bytes of sound, the edit list wants %d from %d", len(pcm), n, from)
	}
	return pcm[from : from+n]
}

func TestSoundIsSeamless(t *testing.T) {
	s := bframes(t, 0)
	_, whole := record(t, s)
	want := decodeAudio(t, whole[0].data)
	if len(want) != seconds*16000*4 {
		t.Fatalf("%d bytes of sound", len(want))
	}
	_, parts := record(t, s, 2*TickRate, 4*TickRate, 8*TickRate)
	var got []byte
	for _, f := range parts {
		got = append(got, decodeAudio(t, f.data)...)
	}
	if !bytes.Equal(got, want) {
		t.Error("the chunks do not sound like the whole")
	}
}

func TestAudioOnlyCutAnywhere(t *testing.T) {
	s := bframes(t, 0)
	s.cfg.Video, s.video = nil, nil
	_, whole := record(t, s)
	want := decodeAudio(t, whole[0].data)
	for _, cut := range []int64{3, 1024*3 - 3, 1024 * 3, 1024*3 + 3, 2 * TickRate, 100002, s.end - 3} {
		var fs files
		m, err := New(s.cfg, fs.create)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.CutAt(cut); err != nil {
			t.Fatal(err)
		}
		for _, a := range s.audio {
			if err := m.WriteAudio(a); err != nil {
				t.Fatal(err)
			}
		}
		// The encoder gives one more frame when it is flushed.
		last := s.audio[len(s.audio)-1]
		last.PTS += 1024
		if err := m.WriteAudio(last); err != nil {
			t.Fatal(err)
		}
		chunks, err := m.Close(s.end)
		if err != nil || len(chunks) != 2 || chunks[0].End != cut || chunks[1].Start != cut || chunks[1].End != s.end {
			t.Fatalf("cut at %d: %v, %+v", cut, err, chunks)
		}
		if got := append(decodeAudio(t, fs[0].data), decodeAudio(t, fs[1].data)...); !bytes.Equal(got, want) {
			t.Errorf("cut at %d: the chunks do not sound like the whole", cut)
		}
	}
}

func TestVideoOnly(t *testing.T) {
	s := bframes(t, 3)
	s.cfg.Audio, s.audio = nil, nil
	chunks, fs := record(t, s, 4*TickRate)
	if len(chunks) != 2 || chunks[1].End != s.end {
		t.Fatalf("%+v", chunks)
	}
	if n := len(probe(t, fs[1].data)); n != 40 {
		t.Errorf("%d pictures in 5 s", n)
	}
}

// TestEnds ends a recording off the grid: the last picture is shown for
// shorter or longer, the last AAC frame in part.
func TestEnds(t *testing.T) {
	for _, end := range []int64{3 * TickRate, 3*TickRate - 2997, 3*TickRate + 5997} {
		s := bframes(t, 0)
		s.video = s.video[:24]
		s.audio = slices.DeleteFunc(slices.Clone(s.audio), func(a Sample) bool { return a.PTS*3 >= end })
		s.end = end
		chunks, fs := record(t, s)
		if chunks[0].End != end {
			t.Errorf("ends at %d, want %d", chunks[0].End, end)
		}
		checkEnds(t, fs[0].data, end)
	}
}

func TestContinuesLater(t *testing.T) {
	s := bframes(t, 0)
	const start = 100 * TickRate
	for i := range s.video {
		s.video = slices.Clone(s.video)
		s.video[i].PTS, s.video[i].DTS = s.video[i].PTS+start, s.video[i].DTS+start
	}
	s.audio = slices.Clone(s.audio)
	for i := range s.audio {
		s.audio[i].PTS += start / 3
	}
	s.cfg.Start, s.cfg.Index, s.end = start, 3, s.end+start
	var f memFile
	m, err := New(s.cfg, func(index int) (File, error) {
		if index != 3 {
			t.Errorf("chunk %d created", index)
		}
		return &f, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.steps() {
		if err := m.step(step); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err := m.Close(s.end)
	if err != nil || chunks[0].Start != start || chunks[0].End != s.end || chunks[0].Index != 3 {
		t.Errorf("%v, %+v", err, chunks)
	}
	checkGrid(t, f.data, s.end-start)
}

func TestSameBytes(t *testing.T) {
	s := bframes(t, 3)
	s.cfg.Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	_, a := record(t, s, 4*TickRate)
	_, b := record(t, s, 4*TickRate)
	for i := range a {
		if !bytes.Equal(a[i].data, b[i].data) {
			t.Errorf("chunk %d differs", i)
		}
	}
	if got := ffmpegtest.Probe(t, "-show_entries", "format_tags=creation_time", save(t, a[0].data)); got != "2026-01-02T03:04:05.000000Z" {
		t.Errorf("created %q", got)
	}
}

func TestGolden(t *testing.T) {
	_, fs := record(t, bframes(t, 3), 4*TickRate)
	file, err := mp4.DecodeFile(bytes.NewReader(fs[1].data))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, b := range file.Children {
		// What the encoders made is not of interest here.
		if moof, ok := b.(*mp4.MoofBox); ok {
			for _, traf := range moof.Trafs {
				traf.Trun.DataOffset = 0
			}
		}
		if b.Type() == "mdat" {
			continue
		}
		if err := b.Info(&got, "elst:1,colr:1", "", "  "); err != nil {
			t.Fatal(err)
		}
	}
	text := dropLines(got.String(), "SPS", "PPS", "NALU", "size=", "dataOffset", "decConfig", "moofOffset", "DecConfig")
	name := filepath.Join("testdata", "boxes.golden")
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("boxes changed, see -update:\n%s", text)
	}
}

// dropLines takes out the lines of a dump that contain one of the words,
// except those that begin a box, of which it only takes the size.
func dropLines(s string, words ...string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if i := strings.Index(line, "size="); strings.HasPrefix(strings.TrimSpace(line), "[") && i > 0 {
			line = strings.TrimRight(line[:i], " ")
			b.WriteString(line + "\n")
			continue
		}
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestCurrent(t *testing.T) {
	s := bframes(t, 0)
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Current(); got != (Chunk{}) {
		t.Errorf("before the first sample: %+v", got)
	}
	var bytes int64
	for _, step := range s.steps() {
		if step.PTS >= 4*TickRate && step.video {
			break
		}
		if err := m.step(step); err != nil {
			t.Fatal(err)
		}
		bytes += int64(len(step.Data))
	}
	got := m.Current()
	if got.End < 4*TickRate || got.End > 4*TickRate+2*3072 || got.Bytes < bytes || got.Fragments != 1 {
		t.Errorf("%+v of %d bytes", got, bytes)
	}
}

func TestNewRefuses(t *testing.T) {
	good := bframes(t, 0).cfg
	tests := map[string]func(*Config){
		"no track":       func(c *Config) { c.Video, c.Audio = nil, nil },
		"fragment":       func(c *Config) { c.FragmentDuration = 1 },
		"negative start": func(c *Config) { c.Start = -1 },
		"odd start":      func(c *Config) { c.Start = 1 },
		"no SPS":         func(c *Config) { c.Video.SPS = nil },
		"bad SPS":        func(c *Config) { c.Video.SPS = [][]byte{{0x67}} },
		"size":           func(c *Config) { c.Video.Width = 640 },
		"delay":          func(c *Config) { c.Video.DecodeDelay = -1 },
		"sample rate":    func(c *Config) { c.Audio.SampleRate = 44100 },
		"other rate":     func(c *Config) { c.Audio.SampleRate = 48000 },
		"no config":      func(c *Config) { c.Audio.Config = nil },
		"bit rate":       func(c *Config) { c.Audio.BitRate = -1 },
	}
	for name, spoil := range tests {
		cfg := good
		v, a := *good.Video, *good.Audio
		cfg.Video, cfg.Audio = &v, &a
		spoil(&cfg)
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRefusedSamples(t *testing.T) {
	s := bframes(t, 0)
	v, a := s.video, s.audio
	with := func(s Sample, change func(*Sample)) Sample { change(&s); return s }
	shift := func(by int64) func(*Sample) {
		return func(s *Sample) { s.PTS, s.DTS = s.PTS+by, s.DTS+by }
	}
	tests := map[string]struct {
		video bool
		taken []Sample
		s     Sample
		want  error
	}{
		"hole at the start":   {true, nil, with(v[0], shift(6000)), ErrHole},
		"before the start":    {true, nil, with(v[0], shift(-6000)), ErrOverlap},
		"first is no key":     {true, nil, with(v[1], shift(-6000)), ErrNotKey},
		"key without IDR":     {true, v[:1], with(v[1], func(s *Sample) { s.Key = true }), ErrNotKey},
		"hole":                {true, v[:1], v[2], ErrHole},
		"overlap":             {true, v[:2], v[1], ErrOverlap},
		"PTS before DTS":      {true, v[:1], with(v[1], func(s *Sample) { s.PTS-- }), ErrBadSample},
		"no duration":         {true, nil, with(v[0], func(s *Sample) { s.Duration = 0 }), ErrBadSample},
		"endless":             {true, nil, with(v[0], func(s *Sample) { s.Duration = 1 << 40 }), ErrBadSample},
		"overflow":            {true, nil, with(v[0], func(s *Sample) { s.PTS, s.DTS = 1<<62, -1<<62 }), ErrBadSample},
		"empty":               {true, nil, with(v[0], func(s *Sample) { s.Data = nil }), ErrBadSample},
		"Annex B":             {true, nil, with(v[0], func(s *Sample) { s.Data = []byte{0, 0, 0, 1, 0x65, 0x88, 0x84} }), ErrBadSample},
		"too large":           {false, nil, with(a[0], func(s *Sample) { s.Data = make([]byte, MaxSampleSize+1) }), ErrTooLarge},
		"audio hole":          {false, a[:1], a[2], ErrHole},
		"audio overlap":       {false, a[:2], with(a[2], shift(-1)), ErrOverlap},
		"audio begins late":   {false, nil, with(a[0], shift(1025)), ErrHole},
		"audio begins early":  {false, nil, with(a[0], shift(-16000)), ErrOverlap},
		"audio without track": {false, nil, a[0], ErrNoTrack},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := s.cfg
			if errors.Is(test.want, ErrNoTrack) {
				cfg.Audio = nil
			}
			var fs files
			m, err := New(cfg, fs.create)
			if err != nil {
				t.Fatal(err)
			}
			for _, taken := range test.taken {
				if err := m.step(step{test.video, taken}); err != nil {
					t.Fatal(err)
				}
			}
			err = m.step(step{test.video, test.s})
			var refused *SampleError
			if !errors.Is(err, test.want) || !errors.As(err, &refused) || refused.PTS != test.s.PTS {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestRefusedCuts(t *testing.T) {
	s := bframes(t, 0)
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	for _, pos := range []int64{-3, 0, 96001, 1 << 60} {
		if err := m.CutAt(pos); !errors.Is(err, ErrCut) {
			t.Errorf("cut at %d: %v", pos, err)
		}
	}
	for i, v := range s.video[:16] {
		if pos, ok := map[int]int64{1: 6000, 8: 48003}[i]; ok {
			if err := m.CutAt(pos); err != nil {
				t.Fatal(err)
			}
			if err := m.CutAt(pos + 96000); !errors.Is(err, ErrCut) {
				t.Errorf("second cut: %v", err)
			}
			if err := m.WriteVideo(v); !errors.Is(err, ErrNotKey) {
				t.Errorf("picture at cut %d: %v", pos, err)
			}
		}
		if err := m.WriteVideo(v); err != nil { // the cut is off
			t.Fatal(err)
		}
	}
	if err := m.CutAt(15 * 6000); !errors.Is(err, ErrCut) {
		t.Errorf("cut at a position that was passed: %v", err)
	}
}

// TestLag has one track arrive after all of the other.
func TestLag(t *testing.T) {
	s := bframes(t, 0)
	s.cfg.FragmentDuration = TickRate
	long := s
	for i := range 2 { // 27 s
		shift := int64(i+1) * s.end
		for _, v := range s.video {
			v.PTS, v.DTS = v.PTS+shift, v.DTS+shift
			long.video = append(long.video, v)
		}
	}
	long.audio = long.audio[:1]
	for len(long.audio) < 27*16000/1024+2 {
		next := s.audio[1]
		next.PTS = long.audio[len(long.audio)-1].PTS + 1024
		long.audio = append(long.audio, next)
	}
	var fs files
	m, err := New(long.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WriteAudio(long.audio[0]); err != nil {
		t.Fatal(err)
	}
	for _, v := range long.video {
		if err := m.WriteVideo(v); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.Current().Fragments; got < 16 {
		t.Errorf("%d fragments written while audio lags", got)
	}
	for _, a := range long.audio[1:] {
		if err := m.WriteAudio(a); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err := m.Close(3 * s.end)
	if err != nil || chunks[0].End != 3*s.end {
		t.Fatalf("%v, %+v", err, chunks)
	}
	if n := len(probe(t, fs[0].data)); n != len(long.video)+len(long.audio) {
		t.Errorf("%d samples, want %d", n, len(long.video)+len(long.audio))
	}
	checkEnds(t, fs[0].data, 3*s.end)
}

func TestLagIsBounded(t *testing.T) {
	s := bframes(t, 0)
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	big := nal(4 << 20)
	for i := range int64(100) {
		err = m.WriteVideo(Sample{Data: big, PTS: i * 6000, DTS: i * 6000, Duration: 6000, Key: true})
		if err != nil {
			break
		}
	}
	if !errors.Is(err, ErrLag) {
		t.Fatalf("%v, want ErrLag", err)
	}
	if got := m.Current().Bytes; got > maxQueued {
		t.Errorf("%d bytes are held", got)
	}
	if _, err := m.Close(6000); !errors.Is(err, ErrShort) || !errors.Is(err, ErrPastEnd) {
		t.Errorf("close: %v", err)
	}
}

// nal is a key frame of a size that no decoder likes.
func nal(size int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(size-4))
	return append(append(b, 0x65), make([]byte, size-5)...)
}

func TestShort(t *testing.T) {
	s := bframes(t, 0)
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.steps() {
		if !step.video && step.PTS > 16000*3 {
			continue
		}
		if err := m.step(step); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err := m.Close(s.end)
	if !errors.Is(err, ErrShort) || len(chunks) != 1 || chunks[0].End != s.end {
		t.Errorf("%v, %+v", err, chunks)
	}
	ffmpegtest.Run(t, "-i", save(t, fs[0].data), "-f", "null", "-")
	if _, err := m.Close(s.end); !errors.Is(err, ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if err := m.WriteVideo(s.video[0]); !errors.Is(err, ErrClosed) {
		t.Errorf("written when closed: %v", err)
	}
	if err := m.CutAt(s.end); !errors.Is(err, ErrClosed) {
		t.Errorf("cut when closed: %v", err)
	}
}

func TestCloseWithoutSamples(t *testing.T) {
	m, err := New(bframes(t, 0).cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if chunks, err := m.Close(0); err != nil || chunks != nil {
		t.Errorf("%v, %+v", err, chunks)
	}
}
