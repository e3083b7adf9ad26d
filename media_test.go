package callreel_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/callreel/callreel/internal/ffmpegtest"
)

// movie is a decoded recording: grey pictures at a quarter of the size, and samples.
type movie struct {
	t      testing.TB
	size   image.Point
	frames [][]byte
	pcm    []float64
}

// decode decodes a file with ffmpeg, which must find nothing wrong with it. All is
// one run of it: to start one takes longer than to decode a short file.
func decode(t testing.TB, file string, size image.Point) *movie {
	t.Helper()
	small := size.Div(4)
	sound := filepath.Join(t.TempDir(), "sound")
	video := ffmpegtest.Run(t, "-i", file, "-map", "0:v", "-vf", fmt.Sprintf("scale=%d:%d:flags=area", small.X, small.Y),
		"-pix_fmt", "gray", "-fps_mode", "passthrough", "-f", "rawvideo", "-", "-map", "0:a", "-f", "s16le", sound)
	checkColour(t, file)
	audio, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	m := &movie{t: t, size: small, pcm: heard(t, file, audio)}
	for n := small.X * small.Y; len(video) >= n; video = video[n:] {
		m.frames = append(m.frames, video[:n])
	}
	return m
}

// decodeSound returns the sound of a file.
func decodeSound(t testing.TB, file string) (pcm []float64) {
	t.Helper()
	return heard(t, file, ffmpegtest.Run(t, "-i", file, "-map", "0:a", "-f", "s16le", "-"))
}

// heard returns the samples in audio, which ffmpeg decoded of a file, without those
// that the edit list hides from players (ISO/IEC 14496-12, 8.6.6): ffmpeg gives them
// times below zero, and all that follows in one raw stream.
func heard(t testing.TB, file string, audio []byte) (pcm []float64) {
	t.Helper()
	pcm = make([]float64, 0, len(audio)/2) // hours are long
	for ; len(audio) >= 2; audio = audio[2:] {
		pcm = append(pcm, float64(int16(binary.LittleEndian.Uint16(audio)))/32768)
	}
	return pcm[hiddenSamples(t, file):]
}

// hiddenSamples returns how many samples of the sound the edit list of a file hides.
func hiddenSamples(t testing.TB, file string) int64 {
	t.Helper()
	r, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	f, err := mp4.DecodeFile(r, mp4.WithDecodeMode(mp4.DecModeLazyMdat))
	if err != nil {
		t.Fatal(err)
	}
	for _, trak := range f.Init.Moov.Traks {
		if trak.Mdia.Hdlr.HandlerType != "soun" || trak.Edts == nil {
			continue
		}
		n := trak.Edts.Elst[0].Entries[0].MediaTime - firstDecodeTime(t, f, trak.Tkhd.TrackID)
		if n < 0 {
			t.Fatalf("%s: the sound begins %d samples late", file, -n)
		}
		return n
	}
	t.Fatalf("%s: the sound has no edit list", file)
	return 0
}

// firstDecodeTime returns where the first fragment of a track begins.
func firstDecodeTime(t testing.TB, f *mp4.File, track uint32) int64 {
	t.Helper()
	for _, segment := range f.Segments {
		for _, fragment := range segment.Fragments {
			for _, traf := range fragment.Moof.Trafs {
				if traf.Tfhd.TrackID == track {
					return int64(traf.Tfdt.BaseMediaDecodeTime())
				}
			}
		}
	}
	t.Fatalf("track %d has no fragments", track)
	return 0
}

// checkColour checks that the file and the stream in it say alike what the canvas
// is: BT.709 primaries and transfer, BT.601 matrix, limited range, and chroma
// samples that are between those of luma (ISO/IEC 14496-10 annex E.2.1).
func checkColour(t testing.TB, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte("colrnclx\x00\x01\x00\x01\x00\x06\x00")) {
		t.Errorf("%s: no colr box with 1, 1, 6 and limited range", file)
	}
	sps, err := avc.ParseSPSNALUnit(parameterSet(t, data), true)
	if err != nil || sps.VUI == nil {
		t.Fatalf("%s: the stream does not say its colour: %v", file, err)
	}
	v := sps.VUI
	said := [...]uint{v.ColourPrimaries, v.TransferCharacteristics, v.MatrixCoefficients, v.ChromaSampleLocTypeTopField}
	if said != [...]uint{1, 1, 6, 1} || v.VideoFullRangeFlag {
		t.Errorf("%s: the stream says %d, full range %v", file, said, v.VideoFullRangeFlag)
	}
}

// parameterSet returns the sequence parameter set in a file.
func parameterSet(t testing.TB, data []byte) []byte {
	t.Helper()
	_, box, found := bytes.Cut(data, []byte("avcC"))
	c, err := avc.DecodeAVCDecConfRec(box)
	if !found || err != nil || len(c.SPSnalus) == 0 {
		t.Fatalf("no parameter sets: %v", err)
	}
	return c.SPSnalus[0]
}

// grey returns the mean luma near the middle of a tile (in full-size pixels) of
// frame n, well above the label.
func (m *movie) grey(n int, tile image.Rectangle) float64 {
	c := image.Pt((tile.Min.X+tile.Max.X)/8, (5*tile.Min.Y+3*tile.Max.Y)/32)
	sum, count := 0.0, 0.0
	for y := c.Y - 3; y < c.Y+3; y++ {
		for x := c.X - 3; x < c.X+3; x++ {
			sum += float64(m.frames[n][y*m.size.X+x])
			count++
		}
	}
	return sum / count
}

// level returns the amplitude of a tone of that frequency between two samples.
func (m *movie) level(hertz float64, from, to int) float64 {
	from, to = max(from, 0), min(to, len(m.pcm))
	if from >= to {
		return 0
	}
	amount, _ := correlate(m.pcm[from:to], 1, rotation(hertz, 16000))
	return 2 * cmplx.Abs(amount) / float64(to-from)
}

// rotation is what a tone turns by from one sample to the next. To multiply by it is
// much cheaper than to take sines, above all under the race detector.
func rotation(hertz float64, rate int) complex128 {
	return cmplx.Rect(1, 2*math.Pi*hertz/float64(rate))
}

// correlate returns how much of a tone is in samples, as the sum of products with
// it, and where the tone is after them.
func correlate(pcm []float64, at, turn complex128) (sum, next complex128) {
	for _, x := range pcm {
		sum += complex(x*real(at), x*imag(at))
		at *= turn
	}
	return sum, at
}

// beeps returns where beeps of a frequency begin, in seconds, to a millisecond.
func (m *movie) beeps(hertz float64) []float64 {
	const step, window = 16, 160 // 1 ms, 10 ms
	parts := make([]complex128, len(m.pcm)/step)
	at, by := complex(1, 0), rotation(hertz, 16000)
	for i := range parts {
		parts[i], at = correlate(m.pcm[i*step:][:step], at, by)
	}
	var out []float64
	on := false
	for i := 0; i+window <= len(parts)*step; i += step {
		var sum complex128
		for _, part := range parts[i/step:][:window/step] {
			sum += part
		}
		l := 2 * cmplx.Abs(sum) / window
		switch {
		case !on && l > 0.12: // half of the beep's amplitude: the middle of the window is at its edge
			on = true
			out = append(out, float64(i+window/2)/16000)
		case on && l < 0.06:
			on = false
		}
	}
	return out
}

// flashes returns the numbers of the frames, of those from one to another, in
// which a tile turns white.
func (m *movie) flashes(tile image.Rectangle, from, to int) []int {
	var out []int
	on := false
	for n := from; n < min(to, len(m.frames)); n++ {
		now := m.grey(n, tile) > 215
		if now && !on {
			out = append(out, n)
		}
		on = now
	}
	return out
}

// stored returns the path of a chunk in a directory store.
func stored(dir, key string) string { return filepath.Join(dir, filepath.FromSlash(key)) }

// lasts checks both tracks: video to the frame, sound to less than the AAC frame
// that holds the end.
func (m *movie) lasts(d time.Duration) {
	m.t.Helper()
	frames, samples := int(d*8/time.Second), int(d*16000/time.Second)
	if len(m.frames) != frames || len(m.pcm) < samples || len(m.pcm)-samples >= 1024 {
		m.t.Errorf("%d frames and %d samples, want %d and %d", len(m.frames), len(m.pcm), frames, samples)
	}
}

// sees checks in which frames a tile turns white.
func (m *movie) sees(tile image.Rectangle, frames ...int) {
	m.t.Helper()
	if got := m.flashes(tile, 0, len(m.frames)); !slices.Equal(got, frames) {
		m.t.Errorf("flashes in frames %v, want %v", got, frames)
	}
}

// hears checks when beeps begin, to the 10 ms that an Opus encoder takes.
func (m *movie) hears(hertz float64, at ...float64) {
	m.t.Helper()
	got := m.beeps(hertz)
	if len(got) != len(at) {
		m.t.Errorf("%v Hz at %v s, want %v", hertz, got, at)
		return
	}
	for i := range at {
		if d := got[i] - at[i]; d < -0.003 || d > 0.012 {
			m.t.Errorf("%v Hz at %.3f s, want %.3f", hertz, got[i], at[i])
		}
	}
}

// shows checks that the middle of a tile has a luma (limited range, as sent).
func (m *movie) shows(frame int, tile image.Rectangle, luma float64) {
	m.t.Helper()
	want := (luma - 16) * 255 / 219 // ffmpeg's grey is full range
	if got := m.grey(frame, tile); math.Abs(got-want) > 4 {
		m.t.Errorf("frame %d: tile %v is %.0f, want %.0f", frame, tile, got, want)
	}
}
