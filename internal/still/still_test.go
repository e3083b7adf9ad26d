package still_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/Eyevinn/mp4ff/avc"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/ffmpegtest"
	"github.com/callreel/callreel/internal/still"
)

// repetitions is how many follow a key frame: more than frame_num and
// pic_order_cnt_lsb can count with the fewest bits that they have.
const repetitions = 40

type row struct {
	name    string
	encoder string
	options map[string]string
	size    image.Point
}

func (r row) repetitions() int {
	if r.size.X > 1000 { // those take their time
		return 3
	}
	return repetitions
}

func x264(name string, options ...string) row {
	o := map[string]string{"preset": "superfast", "crf": "24", "forced-idr": "1", "rc-lookahead": "8"}
	for i := 0; i < len(options); i += 2 {
		o[options[i]] = options[i+1]
	}
	return row{name, "libx264", o, image.Pt(320, 180)}
}

func rows() []row {
	all := []row{
		x264("as recorded", "profile", "high", "bf", "2", "b_strategy", "0", "mbtree", "1", "aq-mode", "2"),
		x264("baseline", "profile", "baseline"),
		x264("main", "profile", "main", "coder", "ac", "bf", "3", "b-pyramid", "normal"),
		x264("veryfast", "preset", "veryfast"),
		x264("medium", "preset", "medium"),
		x264("ultrafast", "preset", "ultrafast"),
		x264("no deblocking", "x264-params", "no-deblock=1"),
		x264("four slices", "x264-params", "slices=4"),
		x264("coarse", "crf", "45"),
		x264("fine", "crf", "1"),
		x264("open GOP", "x264-params", "open-gop=1"),
		x264("flat", "preset", "medium", "x264-params", "weightp=2:8x8dct=0"),
	}
	for _, coder := range []string{"vlc", "ac"} {
		for _, bf := range []string{"0", "3"} {
			for _, refs := range []string{"1", "3"} {
				for _, weight := range []string{"0", "1", "2"} {
					name := fmt.Sprintf("coder %s, bf %s, refs %s, weightp %s", coder, bf, refs, weight)
					all = append(all, x264(name, "coder", coder, "bf", bf, "refs", refs, "weightp", weight))
				}
			}
		}
	}
	for _, size := range []image.Point{{64, 64}, {66, 98}, {176, 1202}} {
		r := all[0]
		r.name, r.size = size.String(), size
		all = append(all, r)
	}
	large := x264("1080p", "preset", "ultrafast")
	large.size = image.Pt(1920, 1080)
	return append(all, large, row{"openh264", "libopenh264", map[string]string{"allow_skip_frames": "0"}, image.Pt(320, 180)})
}

func TestRepetitionsAreExact(t *testing.T) {
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := r.encode(t)
			repeater, err := still.New(s.sps, s.pps)
			if err != nil {
				t.Fatal(err)
			}
			if err := repeater.Begin(s.packets[0]); err != nil {
				t.Fatal(err)
			}
			units := s.packets[:1:1]
			for range r.repetitions() {
				next := repeater.Next()
				if len(next) > 100 {
					t.Fatalf("a repetition of %d bytes", len(next))
				}
				units = append(units, bytes.Clone(next))
			}
			units = append(units, repeater.Key(), bytes.Clone(repeater.Next()))
			same := len(units)
			units = append(units, s.packets[s.second:]...)
			frames := s.decode(t, units)
			for n := 1; n < same; n++ {
				if !bytes.Equal(frames[n], frames[0]) {
					t.Fatalf("repetition %d differs from the key frame", n)
				}
			}
			whole := s.decode(t, s.packets)
			if !bytes.Equal(whole[0], frames[0]) || len(frames)-same != len(whole)-s.second {
				t.Fatalf("%d frames after the second key frame, want %d", len(frames)-same, len(whole)-s.second)
			}
			for n := s.second; n < len(whole); n++ {
				if !bytes.Equal(frames[same+n-s.second], whole[n]) {
					t.Fatalf("frame %d differs when repetitions come before its key frame", n)
				}
			}
		})
	}
}

// stream is an encoded video whose frame second is a key frame.
type stream struct {
	row
	header   []byte
	sps, pps [][]byte
	packets  [][]byte // samples
	second   int
}

func (r row) encode(t testing.TB) *stream {
	t.Helper()
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: r.encoder, Options: r.options, Width: r.size.X, Height: r.size.Y,
		FrameRate: 8, KeyInterval: 100, GlobalHeader: true,
	})
	if errors.Is(err, codec.ErrUnknown) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	s := &stream{row: r, header: enc.Header(), second: 12}
	s.sps = avc.ExtractNalusOfTypeFromByteStream(avc.NALU_SPS, s.header, false)
	s.pps = avc.ExtractNalusOfTypeFromByteStream(avc.NALU_PPS, s.header, false)
	take := func(packets []codec.Packet, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if want := len(s.packets) == 0 || len(s.packets) == s.second; p.Key != want {
				t.Fatalf("packet %d: key %v, want %v", len(s.packets), p.Key, want)
			}
			s.packets = append(s.packets, avc.ConvertByteStreamToNaluSample(bytes.Clone(p.Data)))
		}
	}
	for n := range 20 {
		take(enc.Encode(noise(r.size, n), int64(n), n == 0 || n == s.second))
	}
	take(enc.Flush())
	return s
}

// noise is a picture that fades and moves, with grain.
func noise(size image.Point, n int) *image.YCbCr {
	img := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	luma, blue, red, width := img.Y, img.Cb, img.Cr, img.YStride // looked up once
	_, _ = rand.NewChaCha8([32]byte{1, byte(n)}).Read(luma)      // never fails
	for i, grain := range luma {
		luma[i] = uint8((i%width+i/width+5*n)%(120+3*n) + int(grain)%9 + 16)
	}
	for i := range blue {
		blue[i], red[i] = uint8(90+n+i%50), uint8(160-n-i%70)
	}
	return img
}

// decode decodes samples with ffmpeg, which must find nothing wrong, and compares
// that with what the decoder of the recorder makes of it.
func (s *stream) decode(t *testing.T, units [][]byte) (frames [][]byte) {
	t.Helper()
	all := bytes.Clone(s.header)
	for _, u := range units {
		all = append(all, avc.ConvertSampleToByteStream(bytes.Clone(u))...)
	}
	file := filepath.Join(t.TempDir(), "stream.h264")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	raw := ffmpegtest.Run(t, "-probesize", "100M", "-f", "h264", "-framerate", "8", "-i", file, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
	n := s.size.X * s.size.Y * 3 / 2
	for ; len(raw) >= n; raw = raw[n:] {
		frames = append(frames, raw[:n])
	}
	if len(frames) != len(units) {
		t.Fatalf("%d frames of %d units", len(frames), len(units))
	}
	return frames
}

func TestUnsupportedStreams(t *testing.T) {
	for what, r := range map[string]row{
		"fields":                          x264("", "x264-params", "interlaced=1"),
		"picture timing SEI":              x264("", "x264-params", "pic-struct=1"),
		"picture timing SEI of nal-hrd":   x264("", "maxrate", "1000000", "bufsize", "1000000", "x264-params", "nal-hrd=vbr"),
		"picture timing SEI, fake fields": x264("", "x264-params", "fake-interlaced=1:pic-struct=1"),
	} {
		s := r.encode(t)
		if _, err := still.New(s.sps, s.pps); !errors.Is(err, still.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBeginRefusesOtherStreams(t *testing.T) {
	mine, other := x264("").encode(t), x264("", "refs", "3", "preset", "medium").encode(t)
	r, err := still.New(mine.sps, mine.pps)
	if err != nil {
		t.Fatal(err)
	}
	withSets := append(avc.ConvertByteStreamToNaluSample(bytes.Clone(other.header)), other.packets[0]...)
	for what, key := range map[string][]byte{
		"no key frame": mine.packets[1], "cut off": mine.packets[0][:9], "nothing": nil, "other parameter sets": withSets,
	} {
		if err := r.Begin(key); !errors.Is(err, still.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := r.Begin(mine.packets[0]); err != nil {
		t.Errorf("after those: %v", err)
	}
}

// The decoder of the recorder must take them as ffmpeg does.
func TestRepetitionsByTheRecordersDecoder(t *testing.T) {
	s := x264("", "profile", "baseline", "bf", "0").encode(t)
	r, err := still.New(s.sps, s.pps)
	if err == nil {
		err = r.Begin(s.packets[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	dec, err := codec.NewVideoDecoder("video/H264")
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	var first []byte
	for n := range 5 {
		unit := append(bytes.Clone(s.header), avc.ConvertSampleToByteStream(bytes.Clone(s.packets[0]))...)
		if n > 0 {
			unit = avc.ConvertSampleToByteStream(r.Next())
		}
		if got, err := dec.Decode(unit); err != nil || !got {
			t.Fatalf("unit %d: %v, %v", n, got, err)
		}
		if luma := dec.Picture().Y; n == 0 {
			first = bytes.Clone(luma)
		} else if !bytes.Equal(luma, first) {
			t.Fatalf("repetition %d differs", n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	r0 := rows()[0]
	r0.size = image.Pt(1920, 1080)
	s := r0.encode(b)
	r, err := still.New(s.sps, s.pps)
	if err == nil {
		err = r.Begin(s.packets[0])
	}
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r.Next()
	}
}

func FuzzBegin(f *testing.F) {
	s := x264("").encode(f)
	f.Add(s.packets[0])
	f.Add([]byte{0, 0, 0, 0, 0x30})
	f.Fuzz(func(t *testing.T, key []byte) {
		// The parameter sets are those that the encoder was opened with, so mp4ff,
		// which reads absurd ones for hours, reads no others.
		r, err := still.New(s.sps, s.pps)
		if err != nil {
			t.Fatal(err)
		}
		if r.Begin(key) == nil {
			r.Next()
		}
	})
}
