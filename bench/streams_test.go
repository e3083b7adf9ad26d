package bench

import (
	"crypto/sha256"
	"fmt"
	"image"
	"testing"

	"github.com/callreel/callreel/internal/codec"
)

// drawn returns n pictures of something that moves over something noisy.
func drawn(size image.Point, n int) func() (*image.YCbCr, error) {
	img, at := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420), 0
	return func() (*image.YCbCr, error) {
		if at == n {
			return nil, nil
		}
		state := uint32(at + 1)
		for i := range img.Y {
			state = state*1664525 + 1013904223
			x, y := i%size.X, i/size.X
			img.Y[i] = byte(60 + x/4 + int(state>>30))
			if dx, dy := x-20-at*2, y-40; dx*dx+dy*dy < 400 {
				img.Y[i] = byte(200 + y%8)
			}
		}
		for i := range img.Cb {
			img.Cb[i], img.Cr[i] = 128, byte(100+i%40)
		}
		at++
		return img, nil
	}
}

func digest(dec *codec.VideoDecoder) [sha256.Size]byte {
	p, h := dec.Picture(), sha256.New()
	if err := writePicture(h, p); err != nil {
		panic(err) // a hash takes everything
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// decodeUpTo decodes the temporal layers up to one of them, and returns what each
// picture looks like.
func decodeUpTo(t *testing.T, c coded, tid uint8) map[int][sha256.Size]byte {
	t.Helper()
	dec, err := codec.NewVideoDecoder(c.MIME)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	all := make(map[int][sha256.Size]byte)
	for i, f := range c.Frames {
		if f.TID > tid {
			continue
		}
		if fresh, err := dec.Decode(f.Data); err != nil || !fresh {
			t.Fatalf("frame %d: %v, %v", i, fresh, err)
		}
		all[i] = digest(dec)
	}
	return all
}

func TestLowerLayersNeedNoUpperOnes(t *testing.T) {
	for _, name := range []string{"vp8", "vp9"} {
		t.Run(name, func(t *testing.T) {
			v := videoCoding{codec: name, size: image.Pt(160, 96), fps: 30, bitRate: 150_000, temporal: true}
			c, err := v.encode(drawn(v.size, 60))
			if err != nil {
				t.Fatal(err)
			}
			full := decodeUpTo(t, c, 2)
			if len(full) != 60 {
				t.Fatalf("%d pictures", len(full))
			}
			for tid, want := range []int{15, 30} {
				some := decodeUpTo(t, c, uint8(tid))
				if len(some) != want {
					t.Errorf("%d pictures of the layers up to %d, want %d", len(some), tid, want)
				}
				for i, d := range some {
					if d != full[i] {
						t.Fatalf("picture %d of the layers up to %d is not what all layers give", i, tid)
					}
				}
			}
		})
	}
}

func TestCodingIsWhatReceiversExpect(t *testing.T) {
	for _, name := range videoCodecs {
		v := videoCoding{codec: name, size: image.Pt(160, 96), fps: 30, bitRate: 150_000}
		c, err := v.encode(drawn(v.size, 20))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		keys := 0
		for _, f := range c.Frames {
			if f.Key {
				keys++
			}
		}
		if len(c.Frames) != 20 || keys != 1 || !c.Frames[0].Key {
			t.Errorf("%s: %d frames, %d of them key frames", name, len(c.Frames), keys)
		}
		if got := fmt.Sprint(c.MIME, c.Step); got == "" || c.Step != 3000 {
			t.Errorf("%s: %s", name, got)
		}
	}
}
