package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/callreel/callreel/internal/codec"
)

// coded is what a camera or a microphone sends, before it is in packets.
type coded struct {
	MIME   string
	Clock  int // RTP units per second
	Step   int // RTP units from one frame to the next
	Size   [2]int
	Layers int // temporal ones, in the pattern 0 2 1 2; zero if there are none
	Frames []codedFrame
}

type codedFrame struct {
	Data []byte // empty: not sent
	Key  bool
	TID  uint8
}

// videoCoding is how a stream is encoded: as Chromium does, as far as FFmpeg's
// libraries let.
type videoCoding struct {
	codec    string
	size     image.Point
	fps      int
	bitRate  int64
	temporal bool
}

const (
	mediaClock = 90000
	// keyNever is a distance between key frames: none comes unasked.
	keyNever = 1 << 20
	// recipe is in the names of what is kept, and changes with how it is made.
	recipe = 3
	// wire is in the names of captures besides, and changes with how packets are made.
	wire = 2
)

func (v videoCoding) String() string {
	return fmt.Sprintf("%s-%dx%d-%dfps-%dkbps-t%v", v.codec, v.size.X, v.size.Y, v.fps, v.bitRate/1000, v.temporal)
}

func (v videoCoding) config() codec.VideoEncoderConfig {
	c := codec.VideoEncoderConfig{
		Width: v.size.X, Height: v.size.Y, FrameRate: v.fps, KeyInterval: keyNever, BitRate: v.bitRate,
	}
	switch v.codec {
	case "vp8":
		c.Encoder = "libvpx"
		c.Options = map[string]string{"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "static-thresh": "1", "noise-sensitivity": "1"}
	case "vp9":
		c.Encoder = "libvpx-vp9"
		c.Options = map[string]string{"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "row-mt": "0", "aq-mode": "3"}
	case "h264":
		c.Encoder = "libx264"
		c.Options = map[string]string{"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "aud": "0"}
	case "av1":
		c.Encoder = "libaom-av1"
		c.Options = map[string]string{
			"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0",
			"aom-params": "cpu-used=10:deltaq-mode=0:coeff-cost-upd-freq=3:mode-cost-upd-freq=3:mv-cost-upd-freq=3:" +
				"enable-palette=0:enable-order-hint=0:enable-obmc=0:enable-warped-motion=0:enable-global-motion=0:" +
				"enable-ref-frame-mvs=0:enable-tpl-model=0",
		}
	}
	if v.temporal {
		c.Options["error-resilient"] = "default" // or the lower layers can't be decoded without the upper ones
		kb := v.bitRate / 1000                   // cumulative: Chromium gives 40, 60 and 100 %
		c.Options["ts-parameters"] = fmt.Sprintf("ts_number_layers=3:ts_target_bitrate=%d,%d,%d:ts_rate_decimator=4,2,1:"+
			"ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3", kb*4/10, kb*6/10, kb)
	}
	return c
}

// tids are the temporal layers of a group of four pictures.
var tids = [4]uint8{0, 2, 1, 2}

// encode encodes what next returns, until it returns nil.
func (v videoCoding) encode(next func() (*image.YCbCr, error)) (coded, error) {
	enc, err := codec.NewVideoEncoder(v.config())
	if err != nil {
		return coded{}, err
	}
	defer enc.Close()
	out := coded{
		MIME:  map[string]string{"vp8": "video/VP8", "vp9": "video/VP9", "h264": "video/H264", "av1": "video/AV1"}[v.codec],
		Clock: mediaClock, Step: mediaClock / v.fps, Size: [2]int{v.size.X, v.size.Y},
	}
	if v.temporal {
		out.Layers = 3
	}
	add := func(ps []codec.Packet) {
		for _, p := range ps {
			f := codedFrame{Data: bytes.Clone(p.Data), Key: p.Key}
			if v.temporal {
				f.TID = tids[len(out.Frames)%len(tids)]
			}
			out.Frames = append(out.Frames, f)
		}
	}
	for n := int64(0); ; n++ {
		img, err := next()
		if err != nil {
			return out, err
		}
		if img == nil {
			break
		}
		ps, err := enc.Encode(img, n, n == 0)
		if err != nil {
			return out, err
		}
		add(ps)
	}
	ps, err := enc.Flush()
	add(ps)
	return out, err
}

// pictures runs FFmpeg and calls do with a function that returns its pictures.
func pictures(ctx context.Context, s source, size image.Point, count int, do func(next func() (*image.YCbCr, error)) error) error {
	filter := fmt.Sprintf("scale=%d:%d", size.X, size.Y)
	if s.filter != "" {
		filter = s.filter + "," + filter
	}
	args := append([]string{"-v", "error", "-nostdin"}, s.input...)
	args = append(args, "-vf", filter, "-frames:v", fmt.Sprint(count), "-pix_fmt", "yuv420p", "-f", "rawvideo", "-an", "-")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	img := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	n, r := 0, bufio.NewReaderSize(out, 1<<20)
	err = do(func() (*image.YCbCr, error) {
		for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
			if _, err := io.ReadFull(r, plane); err != nil {
				if errors.Is(err, io.EOF) {
					return nil, nil
				}
				return nil, err
			}
		}
		n++
		return img, nil
	})
	if err != nil {
		cancel()
	}
	if werr := cmd.Wait(); err == nil && werr != nil {
		err = fmt.Errorf("ffmpeg: %w: %s", werr, bytes.TrimSpace(said.Bytes()))
	}
	if err == nil && n != count {
		err = fmt.Errorf("ffmpeg: %d pictures instead of %d: %s", n, count, bytes.TrimSpace(said.Bytes()))
	}
	return err
}

// kept returns what is kept under a name in the cache, or makes it.
func kept(cache, name string, encode func() (coded, error)) (c coded, err error) {
	file := filepath.Join(cache, "streams", fmt.Sprintf("%s-r%d.gob", name, recipe))
	if f, err := os.Open(file); err == nil {
		err := gob.NewDecoder(bufio.NewReader(f)).Decode(&c)
		return c, errors.Join(err, f.Close())
	}
	if c, err = encode(); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	var data bytes.Buffer
	if err := gob.NewEncoder(&data).Encode(c); err != nil {
		return c, err
	}
	return c, keep(file, data.Bytes())
}

// keep writes a file that is there only when all of it is.
func keep(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d", file, os.Getpid())
	if err := os.WriteFile(temp, data, 0o666); err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// cameraStream returns what camera i sends in one layer.
func (f *footage) cameraStream(ctx context.Context, cache string, i, seconds int, v videoCoding) (coded, error) {
	i %= sourceCount
	name := fmt.Sprintf("%s-%d-%ds-%v", f.work, i, seconds, v)
	return kept(cache, name, func() (c coded, err error) {
		err = pictures(ctx, f.camera(i), v.size, seconds*v.fps, func(next func() (*image.YCbCr, error)) error {
			c, err = v.encode(next)
			return err
		})
		return c, err
	})
}

// slideFor is how long a slide is shown, in seconds.
const slideFor = 5

// screenStream returns what a shared screen sends: one slide, or several in turn.
func (f *footage) screenStream(ctx context.Context, cache string, seconds int, still bool, v videoCoding) (coded, error) {
	name := fmt.Sprintf("%s-screen-%v-%ds-%v", f.work, still, seconds, v)
	return kept(cache, name, func() (coded, error) {
		var slides []*image.YCbCr
		for _, s := range f.slides() {
			err := pictures(ctx, s, v.size, 1, func(next func() (*image.YCbCr, error)) error {
				img, err := next()
				slides = append(slides, img)
				return err
			})
			if err != nil {
				return coded{}, err
			}
		}
		n := 0
		return v.encode(func() (*image.YCbCr, error) {
			if n == seconds*v.fps {
				return nil, nil
			}
			which := n / (slideFor * v.fps) % len(slides)
			if still {
				which = 0
			}
			n++
			return slides[which], nil
		})
	})
}
