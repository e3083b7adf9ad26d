package simulate

import (
	"context"
	"fmt"
	"image"
	"sync/atomic"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/webrtc/v4"
)

// maxLate is how late a picture may be before it is left out.
const maxLate = 200 * timebase.Millisecond

// camera sends a participant's pictures.
type camera struct {
	who    *Participant
	step   timebase.Ticks // from one picture to the next
	scene  *scene
	black  *image.YCbCr
	scaler codec.Scaler
	layers []*layer
}

// layer is an encoder and where its frames go.
type layer struct {
	enc     *codec.VideoEncoder
	out     *outbound
	scaled  *image.YCbCr // nil for the full size
	wantKey atomic.Bool
}

func newCamera(p *Participant) (*camera, error) {
	s, err := newScene(p.cfg)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	c := &camera{who: p, scene: s, step: timebase.Ticks(timebase.Second / p.cfg.FPS)}
	c.black = image.NewYCbCr(s.picture.Rect, image.YCbCrSubsampleRatio420)
	compositor.FillRect(c.black, c.black.Rect, black())
	for _, l := range layersOf(p.cfg) {
		if err := c.addLayer(l.rid, l.divide); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// size says by how much the width and height of a layer are divided.
type size struct {
	rid    string
	divide int
}

func layersOf(cfg Config) []size {
	if cfg.Simulcast {
		return []size{{"q", 4}, {"h", 2}, {"f", 1}}
	}
	return []size{{"", 1}}
}

func (c *camera) addLayer(rid string, divide int) error {
	cfg := c.who.cfg
	vc, err := videoCodecByName(cfg.Video)
	if err != nil {
		return err
	}
	var opts []func(*webrtc.TrackLocalStaticRTP)
	if rid != "" {
		opts = append(opts, webrtc.WithRTPStreamID(rid))
	}
	track, err := webrtc.NewTrackLocalStaticRTP(vc.parameters().RTPCodecCapability, "video", "callreel", opts...)
	if err != nil {
		return fmt.Errorf("simulate: video track: %w", err)
	}
	l := &layer{out: newOutbound(track, vc.payloader(), &c.who.count)}
	w, h := cfg.Width, cfg.Height
	if divide > 1 {
		w, h = w/divide&^1, h/divide&^1
		l.scaled = image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	}
	if l.enc, err = vc.open(w, h, cfg.FPS, layerBitRate(cfg, divide)); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	c.layers = append(c.layers, l)
	return nil
}

// layerBitRate gives each layer its share by area.
func layerBitRate(cfg Config, divide int) int64 {
	rate := cfg.BitRate
	if rate == 0 {
		const pixelsPerBit = 14
		rate = int64(cfg.Width*cfg.Height*cfg.FPS) / pixelsPerBit
	}
	const least = 50_000
	return max(least, rate/int64(divide*divide))
}

func (c *camera) outs() []*outbound {
	outs := make([]*outbound, len(c.layers))
	for i, l := range c.layers {
		outs[i] = l.out
	}
	return outs
}

// requestKeyFrame makes the next frame of a layer a key frame. It reports false
// if no layer has that SSRC.
func (c *camera) requestKeyFrame(ssrc uint32) bool {
	for _, l := range c.layers {
		if l.out.ssrc == ssrc {
			l.wantKey.Store(true)
			return true
		}
	}
	return false
}

// run draws, codes and sends a picture at each multiple of the step.
func (c *camera) run(ctx context.Context, clk clock) error {
	for at := clk.now().Ceil(c.step); clk.wait(ctx, at); at += c.step {
		if late := clk.now() - at; late > maxLate {
			c.who.count.skipped.Add(uint64(late / c.step))
			at += late.Floor(c.step)
		}
		if err := c.send(at); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (c *camera) send(at timebase.Ticks) error {
	muted := c.who.muted.video.Load()
	if muted && c.who.cfg.MuteMode == MuteStop {
		return nil
	}
	picture := c.black
	if !muted {
		picture = c.scene.draw(at)
	}
	for _, l := range c.layers {
		if err := c.sendLayer(l, picture, at); err != nil {
			return err
		}
	}
	return nil
}

func (c *camera) sendLayer(l *layer, picture *image.YCbCr, at timebase.Ticks) error {
	if l.scaled != nil {
		if err := c.scaler.Scale(l.scaled, picture); err != nil {
			return fmt.Errorf("simulate: %w", err)
		}
		picture = l.scaled
	}
	packets, err := l.enc.Encode(picture, int64(at/c.step), l.wantKey.Swap(false))
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	for _, p := range packets {
		c.who.count.frames.Add(1)
		if p.Key {
			c.who.count.keyFrames.Add(1)
		}
		if err := l.out.send(p.Data, timebase.Ticks(p.PTS)*c.step); err != nil {
			return err
		}
	}
	return nil
}

func (c *camera) close() {
	for _, l := range c.layers {
		l.enc.Close()
	}
	c.scaler.Close()
}
