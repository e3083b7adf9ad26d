package codec_test

import (
	"fmt"
	"image"
	"math/rand"
	"testing"

	"github.com/callreel/callreel/internal/codec"
)

// BenchmarkScale scales what common cameras send to the tiles of a 1080p canvas.
func BenchmarkScale(b *testing.B) {
	for _, sizes := range [][2]image.Point{
		{{640, 360}, {960, 540}}, {{640, 360}, {1920, 1080}}, {{640, 360}, {480, 270}}, {{320, 180}, {384, 216}}, {{320, 180}, {274, 154}}, {{640, 360}, {384, 216}}, {{1280, 720}, {384, 216}}, {{960, 540}, {640, 360}},
	} {
		b.Run(fmt.Sprintf("%v-%v", sizes[0], sizes[1]), func(b *testing.B) {
			src := image.NewYCbCr(image.Rectangle{Max: sizes[0]}, image.YCbCrSubsampleRatio420)
			for _, p := range [][]uint8{src.Y, src.Cb, src.Cr} {
				for i := range p {
					p[i] = uint8(rand.Int())
				}
			}
			dst := image.NewYCbCr(image.Rectangle{Max: sizes[1]}, image.YCbCrSubsampleRatio420)
			s := new(codec.Scaler)
			defer s.Close()
			b.SetBytes(int64(len(dst.Y) * 3 / 2))
			for b.Loop() {
				if err := s.Scale(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
