package muxer

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/callreel/callreel/internal/ffmpegtest"
)

// unfinished is a chunk as a crash leaves it, and where its fragments end.
func unfinished(t testing.TB, s source) (data []byte, ends []int64) {
	t.Helper()
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.steps() {
		if err := m.step(step); err != nil {
			t.Fatal(err)
		}
		if n := int64(len(fs[0].data)); n > 0 && (len(ends) == 0 || ends[len(ends)-1] != n) {
			ends = append(ends, n)
		}
	}
	return fs[0].data, ends
}

// fragments is unfinished of a small recording with several fragments.
func fragments(t *testing.T) (data []byte, ends []int64) {
	t.Helper()
	s := bframes(t, 3)
	s.cfg.FragmentDuration = TickRate / 2
	s.video, s.audio = s.video[:17], s.audio[:35]
	data, ends = unfinished(t, s)
	if len(ends) < 4 {
		t.Fatalf("%d fragments", len(ends))
	}
	return data, ends
}

// TestCutAtEveryByte recovers a file that was cut off after each of its bytes.
func TestCutAtEveryByte(t *testing.T) {
	data, ends := fragments(t)
	for n := range int64(len(data) + 1) {
		f := &memFile{data: slices.Clone(data[:n])}
		info, err := Finish(f, n)
		whole := 0
		for whole < len(ends) && ends[whole] <= n {
			whole++
		}
		if whole == 0 {
			if !errors.Is(err, ErrNoMedia) || !bytes.Equal(f.data, data[:n]) {
				t.Fatalf("cut after %d bytes: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
		want := Info{
			Duration: int64(whole) * TickRate / 2, Bytes: int64(len(f.data)),
			VideoBytes: info.VideoBytes, AudioBytes: info.AudioBytes,
			Fragments: whole, KeyFrames: 1, Trimmed: n - ends[whole-1],
		}
		if media := mediaBytes(data[:ends[whole-1]]); info.VideoBytes == 0 || info.VideoBytes+info.AudioBytes != media {
			t.Fatalf("cut after %d bytes: %+v, want %d bytes of samples", n, info, media)
		}
		if info != want || f.syncs != 1 {
			t.Fatalf("cut after %d bytes: %+v, want %+v, %d syncs", n, info, want, f.syncs)
		}
	}
}

// mediaBytes is how much media data a file has.
func mediaBytes(data []byte) (n int64) {
	for b := range boxes(data) {
		if string(b.name) == "mdat" {
			n += int64(len(b.body))
		}
	}
	return n
}

func TestFinishIsFinal(t *testing.T) {
	s := bframes(t, 3)
	data, ends := unfinished(t, s)
	for _, n := range []int64{ends[1] + 100, int64(len(data))} {
		f := &memFile{data: slices.Clone(data[:n])}
		first, err := Finish(f, n)
		if err != nil {
			t.Fatal(err)
		}
		once := slices.Clone(f.data)
		second, err := Finish(f, int64(len(f.data)))
		if err != nil || !bytes.Equal(once, f.data) {
			t.Errorf("%v, second time differs: %v", err, !bytes.Equal(once, f.data))
		}
		if first.Trimmed = second.Trimmed; first != second {
			t.Errorf("%+v, then %+v", first, second)
		}
		checkEnds(t, f.data, first.Duration)
		ffmpegtest.Run(t, "-i", save(t, f.data), "-f", "null", "-")
	}
	_, whole := record(t, s)
	once := slices.Clone(whole[0].data)
	if _, err := Finish(whole[0], int64(len(once))); err != nil || !bytes.Equal(once, whole[0].data) {
		t.Errorf("recovering a finished chunk: %v, changed: %v", err, !bytes.Equal(once, whole[0].data))
	}
}

// TestDamaged damages each choice of a file's fragments: what is kept ends with
// the last that is as it was written, and finishing again changes nothing.
func TestDamaged(t *testing.T) {
	data, ends := fragments(t)
	for choice := range 1 << len(ends) {
		f := &memFile{data: slices.Clone(data)}
		kept := 0
		for i, end := range ends {
			if choice>>i&1 == 0 {
				kept = i + 1
			} else {
				f.data[end-1] ^= 1
			}
		}
		info, err := Finish(f, int64(len(data)))
		if kept == 0 {
			if !errors.Is(err, ErrNoMedia) {
				t.Errorf("all damaged: %v", err)
			}
			continue
		}
		if err != nil || info.Fragments != kept || info.Trimmed != ends[len(ends)-1]-ends[kept-1] {
			t.Errorf("damaged %b: %v, %+v", choice, err, info)
		}
		once := slices.Clone(f.data)
		if again, err := Finish(f, int64(len(once))); err != nil || again.Duration != info.Duration || !bytes.Equal(once, f.data) {
			t.Errorf("damaged %b, a second time: %v, %+v", choice, err, again)
		}
	}
}

// TestUnfinishedPlays plays what a crash leaves without recovery.
func TestUnfinishedPlays(t *testing.T) {
	data, ends := unfinished(t, bframes(t, 0))
	ffmpegtest.Run(t, "-i", save(t, data), "-f", "null", "-")
	if len(ends) != 4 {
		t.Errorf("%d fragments of 2 s in %d s", len(ends), seconds)
	}
}

// TestSeek decodes one picture from the middle by way of the index.
func TestSeek(t *testing.T) {
	_, fs := record(t, bframes(t, 3))
	name := save(t, fs[0].data)
	picture := func(args ...string) []byte {
		return ffmpegtest.Run(t, append(args, "-map", "0:v", "-frames:v", "1", "-f", "rawvideo", "-")...)
	}
	got := picture("-ss", "6.5", "-i", name)
	want := picture("-i", name, "-vf", "select=gte(t\\,6.5)")
	if !bytes.Equal(got, want) {
		t.Error("seeking gives another picture")
	}
}

func TestIndex(t *testing.T) {
	_, fs := record(t, bframes(t, 3))
	file, err := mp4.DecodeFile(bytes.NewReader(fs[0].data), mp4.WithDecodeFlags(mp4.DecISMFlag))
	if err != nil {
		t.Fatal(err)
	}
	tfra := file.Mfra.Tfras
	if len(tfra) != 2 || len(tfra[0].Entries) != 5 || len(tfra[1].Entries) != 5 {
		t.Fatalf("%d tracks: %+v", len(tfra), tfra)
	}
	for i, e := range tfra[0].Entries {
		moof := file.Segments[i].Fragments[0].Moof
		if e.Time != uint64(i*2*TickRate+12000) || e.MoofOffset != moof.StartPos || e.TrafNumber != 1 || e.SampleNumber != 1 {
			t.Errorf("entry %d: %+v, moof at %d", i, e, moof.StartPos)
		}
		a := tfra[1].Entries[i]
		if a.MoofOffset != e.MoofOffset || a.TrafNumber != 2 || a.Time != moof.Trafs[1].Tfdt.BaseMediaDecodeTime() {
			t.Errorf("entry %d of audio: %+v", i, a)
		}
	}
}

func TestFinishRefuses(t *testing.T) {
	_, fs := record(t, bframes(t, 0))
	chunk := fs[0].data
	change := func(name string, at int, v byte) []byte {
		b := slices.Clone(chunk)
		b[bytes.Index(b, []byte(name))+at] = v
		return b
	}
	tests := map[string]struct {
		data []byte
		want error
	}{
		"empty":           {nil, ErrNoMedia},
		"zeros":           {make([]byte, 1000), ErrNoMedia}, // nothing was written yet
		"picture":         {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), ErrNotChunk},
		"other mvhd":      {change("mvhd", 4, 0), ErrNotChunk},
		"other timescale": {change("mvhd", 27, 1), ErrNotChunk},
		"other elst":      {change("elst", 4, 0), ErrNotChunk},
		"track scale":     {change("mdhd", 27, 1), ErrNotChunk},
		"same track":      {change("tkhd", 27, 2), ErrNotChunk},
		"no tfdt":         {change("tfdt", 0, 'x'), ErrNoMedia},
		"other trun":      {change("trun", 7, 0), ErrNoMedia},
		"trun beyond":     {change("trun", 20, 1), ErrNoMedia},
		"data elsewhere":  {change("trun", 15, 1), ErrNoMedia},
	}
	for name, test := range tests {
		f := &memFile{data: slices.Clone(test.data)}
		if _, err := Finish(f, int64(len(f.data))); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if !bytes.Equal(f.data, test.data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// badFile fails where it is told to.
type badFile struct {
	memFile
	write, sync, truncate, close int // how many calls succeed
}

var errDisk = errors.New("disk full")

func (f *badFile) WriteAt(b []byte, at int64) (int, error) {
	if f.write--; f.write < 0 {
		n, _ := f.memFile.WriteAt(b[:len(b)/2], at)
		return n, errDisk
	}
	return f.memFile.WriteAt(b, at)
}

func countdown(n *int) error {
	if *n--; *n < 0 {
		return errDisk
	}
	return nil
}

func (f *badFile) Sync() error  { return errors.Join(countdown(&f.sync), f.memFile.Sync()) }
func (f *badFile) Close() error { return errors.Join(countdown(&f.close), f.memFile.Close()) }
func (f *badFile) Truncate(n int64) error {
	if err := countdown(&f.truncate); err != nil {
		return err
	}
	return f.memFile.Truncate(n)
}

func TestFileErrors(t *testing.T) {
	s := bframes(t, 0)
	tests := map[string]struct {
		file   badFile
		chunks int
	}{
		"first write": {badFile{write: 0, sync: 9, truncate: 9, close: 9}, 0},
		"write":       {badFile{write: 2, sync: 9, truncate: 9, close: 9}, 1},
		"sync":        {badFile{write: 99, sync: 1, truncate: 9, close: 9}, 1},
		"header":      {badFile{write: 5, sync: 9, truncate: 9, close: 9}, 1},
		"index":       {badFile{write: 8, sync: 9, truncate: 9, close: 9}, 1},
		"truncate":    {badFile{write: 99, sync: 9, truncate: 0, close: 9}, 1},
		"last sync":   {badFile{write: 99, sync: 5, truncate: 9, close: 9}, 1},
		"close":       {badFile{write: 99, sync: 9, truncate: 9, close: 0}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &test.file
			m, err := New(s.cfg, func(int) (File, error) { return f, nil })
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range s.steps() {
				if err = m.step(step); err != nil {
					break
				}
			}
			if err != nil && !errors.Is(m.WriteAudio(s.audio[0]), errDisk) {
				t.Error("the error is forgotten")
			}
			chunks, err := m.Close(s.end)
			if !errors.Is(err, errDisk) || len(chunks) != test.chunks || !f.closed {
				t.Fatalf("%v, %d chunks, closed %v", err, len(chunks), f.closed)
			}
			if errors.Is(err, ErrNoIndex) != (name == "index") {
				t.Errorf("%v", err)
			}
			if len(chunks) == 0 {
				return
			}
			if name == "sync" && (chunks[0].Fragments != 1 || m.Synced() != chunks[0].End) {
				t.Errorf("%+v, synced up to %d; only one fragment was", chunks[0], m.Synced())
			}
			info, err := Finish(&f.memFile, int64(len(f.data)))
			if err != nil || info.Fragments != chunks[0].Fragments || info.Duration != chunks[0].End {
				t.Errorf("%v, %+v, chunk %+v", err, info, chunks[0])
			}
		})
	}
}

func TestCreateError(t *testing.T) {
	s := bframes(t, 0)
	m, err := New(s.cfg, func(int) (File, error) { return nil, errDisk })
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WriteVideo(s.video[0]); !errors.Is(err, errDisk) {
		t.Errorf("write: %v", err)
	}
	if _, err := m.Close(6000); !errors.Is(err, errDisk) {
		t.Errorf("close: %v", err)
	}
}

// thinFile is a memFile that keeps the beginning of each write only; the rest
// reads as zeros. It has room for files of many gigabytes.
type thinFile struct {
	parts map[int64][]byte
	size  int64
}

func (f *thinFile) WriteAt(b []byte, at int64) (int, error) {
	f.parts[at] = slices.Clone(b[:min(len(b), 1<<14)])
	f.size = max(f.size, at+int64(len(b)))
	return len(b), nil
}

func (f *thinFile) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	for start, part := range f.parts {
		for i := max(0, start-at); i < int64(len(b)) && at+i < start+int64(len(part)); i++ {
			b[i] = part[at+i-start]
		}
	}
	return len(b), nil
}

func (f *thinFile) Truncate(n int64) error { f.size = n; return nil }
func (f *thinFile) Sync() error            { return nil }
func (f *thinFile) Close() error           { return nil }

func TestBeyond4GB(t *testing.T) {
	if testing.Short() {
		t.Skip("copies 4.3 GB")
	}
	s := bframes(t, 0)
	s.cfg.Audio = nil
	f := &thinFile{parts: map[int64][]byte{}}
	m, err := New(s.cfg, func(int) (File, error) { return f, nil })
	if err != nil {
		t.Fatal(err)
	}
	big := nal(MaxSampleSize)
	for i := range int64(260) {
		// Fragments of one picture keep the buffers small.
		pts := i * 2 * TickRate
		if err := m.WriteVideo(Sample{Data: big, PTS: pts, DTS: pts, Duration: 2 * TickRate, Key: true}); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err := m.Close(260 * 2 * TickRate)
	if err != nil || chunks[0].Fragments != 260 || chunks[0].Bytes != f.size || f.size < 1<<32 {
		t.Fatalf("%v, %+v", err, chunks)
	}
	tail := io.NewSectionReader(f, 0, f.size)
	mfro := make([]byte, 4)
	if _, err := tail.ReadAt(mfro, f.size-4); err != nil {
		t.Fatal(err)
	}
	b, err := mp4.DecodeBox(0, io.NewSectionReader(f, f.size-int64(be32(mfro, 0)), 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	last := b.(*mp4.MfraBox).Tfra.Entries[259]
	if last.MoofOffset < 1<<32 || last.Time != 259*2*TickRate {
		t.Errorf("last entry %+v", last)
	}
	name, _, _, err := boxAt(f, int64(last.MoofOffset), f.size)
	if err != nil || name != "moof" {
		t.Errorf("%v, %q at the last entry", err, name)
	}
	// Cut off within its last fragment, all before that is kept.
	const whole, rest = 259, 1 << 20
	f.size = int64(last.MoofOffset) + rest
	info, err := Finish(f, f.size)
	if err != nil || info.Fragments != whole || info.KeyFrames != whole || info.Trimmed != rest || info.Duration != whole*2*TickRate ||
		info.Bytes != f.size || info.VideoBytes < 1<<32 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestOnDisk(t *testing.T) {
	s := bframes(t, 0)
	name := filepath.Join(t.TempDir(), "0.mp4")
	m, err := New(s.cfg, func(int) (File, error) { return os.Create(name) })
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.steps() {
		if err := m.step(step); err != nil {
			t.Fatal(err)
		}
	}
	chunks, err := m.Close(s.end)
	if err != nil {
		t.Fatal(err)
	}
	_, fs := record(t, s)
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, fs[0].data) || chunks[0].Bytes != int64(len(got)) {
		t.Errorf("%v, the file differs from the one in memory", err)
	}
}

func FuzzFinish(f *testing.F) {
	s := tiny()
	data, _ := unfinished(f, s)
	f.Add(data)
	f.Add(data[:len(data)-7])
	s.cfg.Video, s.video = nil, nil
	_, fs := record(f, s)
	f.Add(fs[0].data)
	f.Fuzz(func(t *testing.T, data []byte) {
		file := &memFile{data: slices.Clone(data)}
		info, err := Finish(file, int64(len(data)))
		if err != nil {
			if !bytes.Equal(file.data, data) {
				t.Fatalf("changed in spite of %v", err)
			}
			return
		}
		if info.Bytes != int64(len(file.data)) || info.Duration < 0 || info.Fragments < 1 {
			t.Fatalf("%+v of %d bytes", info, len(file.data))
		}
		once := slices.Clone(file.data)
		again, err := Finish(file, int64(len(once)))
		if err != nil || again.Duration != info.Duration || !bytes.Equal(once, file.data) {
			t.Fatalf("second time: %v, %+v, first %+v", err, again, info)
		}
	})
}

// BenchmarkFinish finishes a recording of two hours.
func BenchmarkFinish(b *testing.B) {
	s := bframes(b, 0)
	s.cfg.NoSync = true
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		b.Fatal(err)
	}
	v, a := s.video[1], s.audio[1]
	for i := range int64(2 * 3600 * 8) {
		v.PTS, v.DTS = i*6000, i*6000
		if v.Key = i == 0; v.Key {
			v.Data = s.video[0].Data
		} else {
			v.Data = s.video[1].Data
		}
		if err := m.WriteVideo(v); err != nil {
			b.Fatal(err)
		}
		for a.PTS*3 < v.PTS+6000 {
			if err := m.WriteAudio(a); err != nil {
				b.Fatal(err)
			}
			a.PTS += 1024
		}
	}
	b.ReportMetric(float64(m.Current().Fragments), "fragments")
	size := int64(len(fs[0].data))
	b.ResetTimer()
	for range b.N {
		if _, err := Finish(fs[0], size); err != nil {
			b.Fatal(err)
		}
	}
}

// tiny is a recording of a second that is small enough to fuzz.
func tiny() source {
	s := source{end: TickRate}
	s.cfg.FragmentDuration = TickRate / 2
	s.cfg.Video = &VideoTrack{
		Width: 128, Height: 96, PPS: [][]byte{{0x68, 0xeb, 0xc0, 0x94, 0xb2, 0x2c}},
		SPS: [][]byte{{
			0x67, 0x64, 0, 0x0a, 0xac, 0xb2, 4, 0x1b, 0x60, 0x2d, 0x40, 0x40, 0x40, 0x50,
			0, 0, 3, 0, 0x10, 0, 0, 3, 1, 0, 0xf1, 0x22, 0x64, 0x80,
		}},
	}
	s.cfg.Audio = &AudioTrack{Config: []byte{0x14, 0x08}, SampleRate: 16000}
	for pts := int64(0); pts < s.end; pts += 6000 {
		s.video = append(s.video, Sample{Data: nal(6), PTS: pts, DTS: pts, Duration: 6000, Key: pts == 0})
	}
	for pts := int64(-1024); pts*3 < s.end; pts += 1024 {
		s.audio = append(s.audio, Sample{Data: []byte{1}, PTS: pts, Duration: 1024})
	}
	return s
}
