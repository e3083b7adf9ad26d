package callreel_test

import (
	"image"
	"time"

	"github.com/pion/rtp/codecs"

	"github.com/callreel/callreel/internal/codec"
)

// format is how a caller codes pictures.
type format struct {
	mime, encoder string
	options       map[string]string
	payloader     func() payloader
}

func vp8() format {
	return format{
		"video/VP8", "libvpx",
		map[string]string{"deadline": "realtime", "cpu-used": "8"},
		func() payloader { return &codecs.VP8Payloader{EnablePictureID: true} },
	}
}

// temporalVP8 has three temporal layers.
func temporalVP8() format {
	f := vp8()
	f.options["ts-parameters"] = layeredVP8Parameters
	f.payloader = func() payloader { return new(layeredVP8) }
	return f
}

func vp9() format {
	return format{
		"video/VP9", "libvpx-vp9",
		map[string]string{"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
		func() payloader { return new(codecs.VP9Payloader) },
	}
}

func h264() format {
	return format{
		"video/H264", "libx264",
		map[string]string{"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"},
		func() payloader { return new(codecs.H264Payloader) },
	}
}

func av1() format {
	return format{
		"video/AV1", "libaom-av1",
		map[string]string{"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0", "aom-params": "cpu-used=10:enable-order-hint=0"},
		func() payloader { return new(codecs.AV1Payloader) },
	}
}

// lens codes pictures, of one size after the other.
type lens struct {
	format format
	rate   int // pictures/s
	enc    *codec.VideoEncoder
	img    *image.YCbCr
}

// focus makes pictures have a size. A stream of a new size begins with a key frame.
func (l *lens) focus(size image.Point) (err error) {
	if l.img != nil && l.img.Rect.Max == size {
		return nil
	}
	l.close()
	l.img = image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	for i := range l.img.Cb {
		l.img.Cb[i], l.img.Cr[i] = 128, 128
	}
	l.enc, err = codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: l.format.encoder, Options: l.format.options,
		Width: size.X, Height: size.Y, FrameRate: l.rate, KeyInterval: 10000, BitRate: 500_000,
	})
	return err
}

func (l *lens) close() {
	if l.enc != nil {
		l.enc.Close()
	}
}

// painter draws what is to be seen a time after the epoch.
type painter func(img *image.YCbCr, at time.Duration)

// fill makes a picture all of one luma.
func fill(img *image.YCbCr, luma uint8) {
	img.Y[0] = luma
	for n := 1; n < len(img.Y); n *= 2 { // quicker than one by one
		copy(img.Y[n:], img.Y[:n])
	}
}
