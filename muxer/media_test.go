package muxer

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
)

// source is real H.264 and AAC.
type source struct {
	cfg          Config
	video, audio []Sample
	end          int64 // ticks
}

// seconds is how long the sources are.
const seconds = 9

// sourceB0 and sourceB3 have no and up to 3 B-frames. They are made once.
var (
	sourceB0 = sync.OnceValues(func() (source, error) { return makeSource(0) })
	sourceB3 = sync.OnceValues(func() (source, error) { return makeSource(3) })
)

func bframes(t testing.TB, n int) source {
	t.Helper()
	get := sourceB0
	if n > 0 {
		get = sourceB3
	}
	s, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// makeSource has ffmpeg encode a test picture at 8 frames/s, with a key frame
// every 2 s, and tones at 16 kHz. Noise substitution is off because its noise
// depends on how many frames the decoder saw before.
func makeSource(b int) (source, error) {
	dir, err := os.MkdirTemp("", "muxer")
	if err != nil {
		return source{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "source.mp4")
	cmd := exec.Command("ffmpeg", "-v", "error",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=128x96:r=8:d=%d", seconds),
		"-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='0.4*sin(2*PI*(300+100*t)*t)+0.1*sin(2*PI*2500*t)':s=16000:d=%d", seconds),
		"-c:v", "libx264", "-profile:v", "high", "-pix_fmt", "yuv420p", "-threads", "1", "-crf", "35",
		"-x264-params", fmt.Sprintf("keyint=16:min-keyint=16:scenecut=0:open-gop=0:bframes=%d:b-adapt=0", b),
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
		"-video_track_timescale", "48000",
		"-c:a", "aac", "-aac_pns", "0", "-ac", "1", "-b:a", "32k", name)
	if out, err := cmd.CombinedOutput(); err != nil {
		return source{}, fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	file, err := mp4.ReadMP4File(name)
	if err != nil {
		return source{}, err
	}
	s := source{end: seconds * TickRate}
	for _, trak := range file.Moov.Traks {
		samples, err := readSamples(file, trak)
		if err != nil {
			return source{}, err
		}
		stsd := trak.Mdia.Minf.Stbl.Stsd
		if stsd.AvcX != nil {
			s.video = samples
			s.cfg.Video = &VideoTrack{
				Width: 128, Height: 96, SPS: stsd.AvcX.AvcC.SPSnalus, PPS: stsd.AvcX.AvcC.PPSnalus,
				Colour: Colour{1, 1, 1, false}, DecodeDelay: samples[0].PTS - samples[0].DTS,
			}
		} else {
			s.audio = samples
			s.cfg.Audio = &AudioTrack{
				Config: stsd.Mp4a.Esds.DecConfigDescriptor.DecSpecificInfo.DecConfig, SampleRate: 16000, BitRate: 32000,
			}
		}
	}
	return s, nil
}

// readSamples reads a track of a progressive file, on the timeline that its
// edit list gives.
func readSamples(file *mp4.File, trak *mp4.TrakBox) ([]Sample, error) {
	n := trak.GetNrSamples()
	list, err := trak.GetSampleData(1, n)
	if err != nil {
		return nil, err
	}
	ranges, err := trak.GetRangesForSampleInterval(1, n)
	if err != nil {
		return nil, err
	}
	var data []byte
	start := file.Mdat.PayloadAbsoluteOffset()
	for _, r := range ranges {
		data = append(data, file.Mdat.Data[r.Offset-start:r.Offset-start+r.Size]...)
	}
	elst := trak.Edts.Elst[0].Entries
	dts := -elst[len(elst)-1].MediaTime
	var samples []Sample
	for _, s := range list {
		samples = append(samples, Sample{
			Data: data[:s.Size:s.Size], DTS: dts, PTS: dts + int64(s.CompositionTimeOffset),
			Duration: int64(s.Dur), Key: mp4.IsSyncSampleFlags(s.Flags),
		})
		data = data[s.Size:]
		dts += int64(s.Dur)
	}
	if trak.Mdia.Hdlr.HandlerType == "soun" {
		samples[len(samples)-1].Duration = 1024 // ffmpeg shortens the last frame
	}
	return samples, nil
}

// step is a sample of either track.
type step struct {
	video bool
	Sample
}

// steps interleaves the tracks as a recording does, in order of presentation.
func (s source) steps() []step {
	var steps []step
	v, a := s.video, s.audio
	for len(v)+len(a) > 0 {
		if len(a) == 0 || len(v) > 0 && v[0].DTS <= a[0].PTS*3 {
			steps, v = append(steps, step{true, v[0]}), v[1:]
		} else {
			steps, a = append(steps, step{false, a[0]}), a[1:]
		}
	}
	return steps
}

func (m *Muxer) step(s step) error {
	if s.video {
		return m.WriteVideo(s.Sample)
	}
	return m.WriteAudio(s.Sample)
}

// memFile is a File in memory.
type memFile struct {
	data   []byte
	syncs  int
	closed bool
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(f.data).ReadAt(b, at)
}

func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	if n := at + int64(len(b)); n > int64(len(f.data)) {
		f.data = append(f.data, make([]byte, n-int64(len(f.data)))...)
	}
	return copy(f.data[at:], b), nil
}

func (f *memFile) Truncate(size int64) error {
	if size > int64(len(f.data)) {
		return io.ErrUnexpectedEOF
	}
	f.data = f.data[:size]
	return nil
}

func (f *memFile) Sync() error  { f.syncs++; return nil }
func (f *memFile) Close() error { f.closed = true; return nil }

// files are the chunks that were created.
type files []*memFile

func (fs *files) create(index int) (File, error) {
	if index != len(*fs) {
		return nil, fmt.Errorf("chunk %d created, want %d", index, len(*fs))
	}
	f := &memFile{}
	*fs = append(*fs, f)
	return f, nil
}

// record muxes a source and cuts it at the positions.
func record(t testing.TB, s source, cuts ...int64) ([]Chunk, files) {
	t.Helper()
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.steps() {
		if len(cuts) > 0 && step.video && step.PTS == cuts[0] {
			if err := m.CutAt(cuts[0]); err != nil {
				t.Fatal(err)
			}
			cuts = cuts[1:]
		}
		if err := m.step(step); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err := m.Close(s.end)
	if err != nil {
		t.Fatal(err)
	}
	return chunks, fs
}

// save writes a file for the tools to read.
func save(t testing.TB, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "chunk.mp4")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
