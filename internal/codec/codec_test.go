package codec

import (
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// realtime holds encoder settings quick enough for a test, by media type.
var realtime = map[string]VideoEncoderConfig{
	"video/VP8":  {Encoder: "libvpx", Options: map[string]string{"deadline": "realtime", "cpu-used": "8"}},
	"video/VP9":  {Encoder: "libvpx-vp9", Options: map[string]string{"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}},
	"video/H264": {Encoder: "libx264", Options: map[string]string{"preset": "ultrafast", "tune": "zerolatency"}},
	"video/AV1":  {Encoder: "libaom-av1", Options: map[string]string{"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0"}},
}

// gradient draws a picture that differs in each frame and plane.
func gradient(w, h, n int) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for y := range h {
		for x := range w {
			img.Y[img.YOffset(x, y)] = uint8(40 + (x+y+4*n)%160)
		}
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = uint8(100+n), uint8(150-n)
	}
	return img
}

func encodeAll(t testing.TB, mime string, w, h, frames int) []Packet {
	t.Helper()
	cfg := realtime[mime]
	cfg.Width, cfg.Height, cfg.FrameRate, cfg.KeyInterval, cfg.BitRate = w, h, 30, 300, 1_000_000
	enc, err := NewVideoEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	var out []Packet
	keep := func(packets []Packet, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			p.Data = slices.Clone(p.Data)
			out = append(out, p)
		}
	}
	for n := range frames {
		keep(enc.Encode(gradient(w, h, n), int64(n), n == 0))
	}
	keep(enc.Flush())
	return out
}

func psnr(a, b *image.YCbCr) float64 {
	var sum float64
	r := a.Rect
	for y := range r.Dy() {
		for x := range r.Dx() {
			d := float64(a.Y[a.YOffset(x, y)]) - float64(b.Y[b.YOffset(b.Rect.Min.X+x, b.Rect.Min.Y+y)])
			sum += d * d
		}
	}
	return 10 * math.Log10(255*255*float64(r.Dx()*r.Dy())/max(sum, 1))
}

func TestVideoRoundTrip(t *testing.T) {
	for mime := range realtime {
		for _, size := range []image.Point{{320, 180}, {98, 62}} {
			packets := encodeAll(t, mime, size.X, size.Y, 5)
			dec, err := NewVideoDecoder(mime)
			if err != nil {
				t.Fatal(err)
			}
			for n, p := range packets {
				if got, err := dec.Decode(p.Data); err != nil || !got {
					t.Fatalf("%s frame %d: got %v, %v", mime, n, got, err)
				}
				if q := psnr(gradient(size.X, size.Y, n), dec.Picture()); q < 28 {
					t.Errorf("%s %v frame %d: PSNR %.1f dB", mime, size, n, q)
				}
			}
			if !packets[0].Key || packets[1].Key {
				t.Errorf("%s: key flags %v %v", mime, packets[0].Key, packets[1].Key)
			}
			dec.Close()
			dec.Close()
			if _, err := dec.Decode(packets[0].Data); !errors.Is(err, ErrClosed) {
				t.Errorf("decode after close: %v", err)
			}
		}
	}
}

func TestGarbageKeepsLastGoodPicture(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for mime := range realtime {
		packets := encodeAll(t, mime, 320, 180, 3)
		dec, err := NewVideoDecoder(mime)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dec.Decode(packets[0].Data); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			junk := make([]byte, 1+rng.IntN(400))
			for i := range junk {
				junk[i] = byte(rng.Uint32())
			}
			_, err := dec.Decode(junk)
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: %v", mime, err)
			}
		}
		if _, err := dec.Decode(nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: empty unit: %v", mime, err)
		}
		if dec.Picture() == nil {
			t.Errorf("%s: the picture is gone", mime)
		}
		if _, err := dec.Decode(packets[0].Data); err != nil {
			t.Errorf("%s: key frame after garbage: %v", mime, err)
		}
		dec.Close()
	}
}

func TestUnknownNamesAreErrors(t *testing.T) {
	if _, err := NewVideoDecoder("video/H265"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := NewAudioDecoder("audio/telephone-event"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := NewVideoEncoder(VideoEncoderConfig{Encoder: "nope"}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	cfg := VideoEncoderConfig{Encoder: "libx264rgb", Width: 64, Height: 64, FrameRate: 8, KeyInterval: 8}
	if _, err := NewVideoEncoder(cfg); !errors.Is(err, ErrUnknown) {
		t.Errorf("an encoder for RGB: %v", err)
	}
	cfg.Encoder, cfg.Options = "libx264", map[string]string{"preset": "nope"}
	if _, err := NewVideoEncoder(cfg); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an unknown preset: %v", err)
	}
	cfg = realtime["video/H264"]
	cfg.Width, cfg.Height, cfg.FrameRate = 64, 64, 8
	cfg.Options = map[string]string{"presett": "slow"}
	if _, err := NewVideoEncoder(cfg); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("a misspelt option: %v", err)
	}
}

func TestScalerStaysInItsRectangle(t *testing.T) {
	var s Scaler
	defer s.Close()
	src := gradient(333, 187, 0)
	for _, w := range []int{2, 10, 34, 66, 98, 130, 384, 480} {
		canvas := image.NewYCbCr(image.Rect(0, 0, 640, 360), image.YCbCrSubsampleRatio420)
		for _, p := range [][]byte{canvas.Y, canvas.Cb, canvas.Cr} {
			for i := range p {
				p[i] = 77
			}
		}
		r := image.Rect(64, 32, 64+w, 32+w*9/16&^1+2)
		if err := s.Scale(canvas.SubImage(r).(*image.YCbCr), src); err != nil {
			t.Fatal(err)
		}
		for y := range 360 {
			for x := range 640 {
				if !(image.Point{x, y}).In(r) && (canvas.Y[canvas.YOffset(x, y)] != 77 || canvas.Cb[canvas.COffset(x, y)] != 77) {
					t.Fatalf("width %d: wrote outside at %d,%d", w, x, y)
				}
			}
		}
	}
}

func TestAACIsContinuous(t *testing.T) {
	enc, err := NewAACEncoder(16000, 48000)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	if c := enc.Config(); len(c) < 2 || c[0]>>3 != 2 || (c[0]&7)<<1|c[1]>>7 != 8 || c[1]>>3&15 != 1 {
		t.Errorf("AudioSpecificConfig %x is not AAC-LC, 16 kHz, mono", c)
	}
	var out []Packet
	pcm := make([]int16, enc.FrameSize())
	for n := range 20 {
		ps, err := enc.Encode(pcm, int64(n*1024))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ps...)
	}
	ps, err := enc.Flush()
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, ps...)
	if len(out) != 21 || enc.Priming() != 1024 {
		t.Fatalf("%d packets, priming %d", len(out), enc.Priming())
	}
	for i, p := range out {
		if p.PTS != int64(i-1)*1024 {
			t.Errorf("packet %d at %d", i, p.PTS)
		}
	}
}

// Once they run, nothing is allocated for what comes out of encoders.
func TestEncodersAllocateNothing(t *testing.T) {
	cfg := realtime["video/H264"]
	cfg.Width, cfg.Height, cfg.FrameRate, cfg.KeyInterval = 320, 180, 30, 30
	video, err := NewVideoEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	sound, err := NewAACEncoder(16000, 48000)
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	img, pcm := gradient(320, 180, 0), make([]int16, sound.FrameSize())
	n, pictures, sounds := 0, 0, 0
	run := func() {
		for range cfg.KeyInterval {
			ps, err := video.Encode(img, int64(n), false)
			pictures += len(ps)
			as, aerr := sound.Encode(pcm, int64(n*len(pcm)))
			sounds += len(as)
			n++
			if err != nil || aerr != nil {
				t.Fatal(err, aerr)
			}
		}
	}
	run()
	if allocs := testing.AllocsPerRun(5, run); allocs != 0 {
		t.Errorf("%v allocations for %d pictures and frames of sound", allocs, cfg.KeyInterval)
	}
	if pictures != n || sounds < n-2 {
		t.Errorf("%d packets of pictures and %d of sound, of %d", pictures, sounds, n)
	}
}

// tone returns samples of a sine at hz, 48 kHz.
func tone(hz float64, from, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(12000 * math.Sin(2*math.Pi*hz*float64(from+i)/48000))
	}
	return pcm
}

func rms(s []float32) float64 {
	var sum float64
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(s)))
}

func TestOpusDecodesAndConceals(t *testing.T) {
	enc, err := NewOpusEncoder(1, 32000, false)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := NewAudioDecoder("audio/OPUS")
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	var level float64
	for n := range 20 {
		packet, err := enc.Encode(tone(440, n*960, 960))
		if err != nil {
			t.Fatal(err)
		}
		if n == 15 {
			pcm, err := dec.Conceal(320, packet)
			if err != nil || len(pcm) != 320 {
				t.Fatalf("conceal: %d samples, %v", len(pcm), err)
			}
		}
		pcm, err := dec.Decode(packet)
		if err != nil || len(pcm) != 320 {
			t.Fatalf("%d samples, %v", len(pcm), err)
		}
		level = rms(pcm)
	}
	if want := 12000 / 32768.0 / math.Sqrt2; math.Abs(level-want) > 0.05 {
		t.Errorf("level %.3f, want %.3f", level, want)
	}
	if _, err := dec.Decode([]byte{0xff, 0xff, 0xff}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("garbage: %v", err)
	}
}

func TestG711(t *testing.T) {
	dec, err := NewAudioDecoder("audio/PCMU")
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	pcm, err := dec.Decode([]byte{0xff, 0x80, 0x00})
	if err != nil || len(pcm) != 3 || dec.SampleRate() != 8000 {
		t.Fatal(pcm, err)
	}
	// ITU-T G.711, table 2a: 0xff is 0, 0x80 the largest positive, 0x00 the largest negative value.
	if pcm[0] != 0 || pcm[1] < 0.97 || pcm[2] > -0.97 {
		t.Error(pcm)
	}
}

func TestScalerKeepsFlatColours(t *testing.T) {
	var s Scaler
	defer s.Close()
	for _, sizes := range [][2]image.Point{{{160, 90}, {128, 72}}, {{640, 360}, {960, 540}}, {{640, 480}, {384, 216}}, {{1280, 720}, {640, 360}}, {{101, 57}, {300, 171}}} {
		src := image.NewYCbCr(image.Rectangle{Max: sizes[0]}, image.YCbCrSubsampleRatio420)
		dst := image.NewYCbCr(image.Rectangle{Max: sizes[1]}, image.YCbCrSubsampleRatio420)
		for i := range src.Y {
			src.Y[i] = 184
		}
		for i := range src.Cb {
			src.Cb[i], src.Cr[i] = 90, 170
		}
		if err := s.Scale(dst, src); err != nil {
			t.Fatal(err)
		}
		for i, y := range dst.Y {
			if y < 183 || y > 185 {
				t.Fatalf("%v: luma %d at %d", sizes, y, i)
			}
		}
		for i := range dst.Cb {
			if dst.Cb[i] < 89 || dst.Cb[i] > 91 || dst.Cr[i] < 169 || dst.Cr[i] > 171 {
				t.Fatalf("%v: chroma %d %d at %d", sizes, dst.Cb[i], dst.Cr[i], i)
			}
		}
	}
}
