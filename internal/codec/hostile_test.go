package codec

import (
	"bytes"
	"errors"
	"image"
	"os"
	"slices"
	"testing"
)

// bits writes fields of a bit stream header.
type bits struct {
	b []byte
	n int
}

func (w *bits) u(n int, v uint32) *bits {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
	return w
}

// ue writes Exp-Golomb numbers.
func (w *bits) ue(vs ...uint32) *bits {
	for _, v := range vs {
		n := 0
		for (v+1)>>n > 1 {
			n++
		}
		w.u(n, 0).u(n+1, v+1)
	}
	return w
}

// croppedH264 is an IDR picture of w x h macroblocks, of which one is shown:
// what a parser that looks at the picture's size only takes for a tiny one.
func croppedH264(w, h uint32) []byte {
	sps := new(bits).u(8, 0x67).u(8, 66).u(8, 0).u(8, 51).ue(0, 0, 2, 1).u(1, 0).ue(w-1, h-1).u(3, 7).ue(0, 8*w-8, 0, 8*h-8).u(2, 1)
	pps := new(bits).u(8, 0x68).ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(3, 0).u(1, 1)
	idr := new(bits).u(8, 0x65).ue(0, 7, 0).u(4, 0).ue(0).u(2, 0).ue(0).u(16, 0x5555)
	var out []byte
	for _, nal := range []*bits{sps, pps, idr} {
		out = append(append(out, 0, 0, 0, 1), nal.b...)
	}
	return out
}

// bombs are key frames of 8192x8192 and more in a few bytes.
func bombs(t testing.TB) map[string][]byte {
	av1, err := os.ReadFile("testdata/8192x8192.av1")
	if err != nil {
		t.Fatal(err)
	}
	vp8 := slices.Clone(encodeAll(t, "video/VP8", 64, 64, 1)[0].Data)
	copy(vp8[6:10], []byte{0xff, 0x3f, 0xff, 0x3f}) // 16383x16383
	vp9 := slices.Clone(encodeAll(t, "video/VP9", 64, 64, 1)[0].Data)
	// In profile 0 the size follows 8 bits, the sync code and 4 bits of colour.
	for i := 36; i < 36+32; i++ {
		vp9[i/8] |= 1 << (7 - i%8) // 65536x65536
	}
	return map[string][]byte{"video/VP8": vp8, "video/VP9": vp9, "video/H264": croppedH264(1024, 1024), "video/AV1": av1}
}

// A picture that is too large is refused, and the decoder goes on with the next
// key frame, as if nothing had been.
func TestBombsAreRefused(t *testing.T) {
	for mime, bomb := range bombs(t) {
		t.Run(mime, func(t *testing.T) {
			dec, err := NewVideoDecoder(mime)
			if err != nil {
				t.Fatal(err)
			}
			defer dec.Close()
			before := resident(t)
			for range 20 {
				if fresh, err := dec.Decode(bomb); fresh || !errors.Is(err, ErrCorrupt) {
					t.Fatalf("picture %v, error %v", fresh, err)
				}
			}
			if grown := resident(t) - before; grown > 32<<20 {
				t.Errorf("%d MB of memory for it", grown>>20)
			}
			good := encodeAll(t, mime, 320, 180, 1)[0].Data
			if fresh, err := dec.Decode(good); !fresh || err != nil || dec.Picture().Rect.Max != image.Pt(320, 180) {
				t.Errorf("picture %v, error %v after it", fresh, err)
			}
		})
	}
}

// resident is how much memory the process has, C's too; zero where there is no telling.
func resident(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	pages := 0
	for _, c := range fields[1] {
		pages = 10*pages + int(c-'0')
	}
	return pages * os.Getpagesize()
}

func TestPixelsAreLimited(t *testing.T) {
	for mime := range realtime {
		unit := encodeAll(t, mime, 320, 192, 1)[0].Data
		for pixels, ok := range map[int]bool{320 * 192: true, 320*192 - 1: false} {
			dec, err := NewBoundedVideoDecoder(mime, pixels)
			if err != nil {
				t.Fatal(err)
			}
			if fresh, err := dec.Decode(unit); fresh != ok || (err == nil) != ok {
				t.Errorf("%s, limit of %d pixels: picture %v, error %v", mime, pixels, fresh, err)
			}
			dec.Close()
		}
	}
	dec, err := NewBoundedVideoDecoder("video/H264", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	if _, err := dec.Decode(croppedH264(128, 128)); !errors.Is(err, ErrSize) {
		t.Errorf("2048x2048 of which 16x16 are shown: %v", err)
	}
}

// Thousands of pictures in one packet take no longer than a few. Of H.264
// libavcodec decodes the first one only, and VP9 has 8 at most.
func TestPicturesInAPacketAreBounded(t *testing.T) {
	var all []byte
	for _, p := range encodeAll(t, "video/AV1", 64, 64, 50) {
		all = append(all, p.Data...)
	}
	dec, err := NewVideoDecoder("video/AV1")
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	if _, err := dec.Decode(all); !errors.Is(err, ErrSize) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("50 pictures at once: %v", err)
	}
	if fresh, err := dec.Decode(encodeAll(t, "video/AV1", 64, 64, 1)[0].Data); !fresh || err != nil {
		t.Errorf("picture %v, error %v after it", fresh, err)
	}
}

// FuzzVideoDecoder decodes a stream of units behind their lengths, 16 bits each,
// and looks at every sample of the pictures.
func FuzzVideoDecoder(f *testing.F) {
	mimes := []string{"video/VP8", "video/VP9", "video/H264", "video/AV1"}
	boom := bombs(f)
	for i, mime := range mimes {
		var stream []byte
		for _, p := range encodeAll(f, mime, 48, 32, 3) {
			stream = append(append(stream, byte(len(p.Data)>>8), byte(len(p.Data))), p.Data...)
		}
		f.Add(uint8(i), stream)
		f.Add(uint8(i), append([]byte{byte(len(boom[mime]) >> 8), byte(len(boom[mime]))}, boom[mime]...))
	}
	f.Fuzz(func(t *testing.T, codec uint8, stream []byte) {
		const pixels = 1 << 16
		dec, err := NewBoundedVideoDecoder(mimes[codec%4], pixels)
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		for range 16 {
			if len(stream) < 2 {
				break
			}
			n := min(int(stream[0])<<8|int(stream[1]), len(stream)-2)
			fresh, err := dec.Decode(stream[2 : 2+n])
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			if p := dec.Picture(); fresh && (p == nil || p.Rect.Empty() || p.Rect.Dx()*p.Rect.Dy() > pixels) {
				t.Fatalf("picture %v", p)
			} else if fresh {
				touch(p)
			}
			stream = stream[2+n:]
		}
	})
}

// touch reads every sample, so that one that is not there is noticed.
func touch(p *image.YCbCr) (sum int) {
	for y := range p.Rect.Dy() {
		for x := range p.Rect.Dx() {
			c := p.COffset(x, y)
			sum += int(p.Y[p.YOffset(x, y)]) + int(p.Cb[c]) + int(p.Cr[c])
		}
	}
	return sum
}

// FuzzAudioDecoder decodes a stream of packets behind their lengths, and conceals
// some.
func FuzzAudioDecoder(f *testing.F) {
	mimes := []string{"audio/opus", "audio/PCMU", "audio/PCMA", "audio/G722"}
	enc, err := NewOpusEncoder(2, 24000, false)
	if err != nil {
		f.Fatal(err)
	}
	packet, err := enc.Encode(make([]int16, 2*960))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), append([]byte{byte(len(packet))}, packet...))
	f.Add(uint8(0), []byte{4, 0x1b, 0x83, 0, 0, 3, 0xff, 0xff, 0xff})
	for i := range 3 {
		f.Add(uint8(i+1), []byte{3, 1, 2, 3, 0, 1, 255})
	}
	f.Fuzz(func(t *testing.T, codec uint8, stream []byte) {
		dec, err := NewAudioDecoder(mimes[codec%4])
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		for len(stream) > 0 {
			n := min(int(stream[0]), len(stream)-1)
			packet := stream[1 : 1+n]
			pcm, err := dec.Decode(packet)
			if err != nil && !errors.Is(err, ErrCorrupt) || len(pcm) > 2*maxWavePacket {
				t.Fatalf("%d samples, error %v", len(pcm), err)
			}
			if n%3 == 0 {
				if pcm, err = dec.Conceal(40*(1+n%48), packet); err == nil && len(pcm) > MaxOpusFrame {
					t.Fatalf("%d samples of concealment", len(pcm))
				}
			}
			stream = stream[1+n:]
		}
	})
}
