package callreel

import (
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
)

const (
	// staleAfter is how long a camera's last picture stands for a stream that
	// has stopped before the avatar takes its place.
	staleAfter = 3 * timebase.Second
	// layerDead is how long a simulcast layer may be silent before another is taken.
	layerDead = 3 * timebase.Second / 2
)

// camera is a video track's way onto the canvas: its layers, of which one is
// decoded, and the newest picture.
type camera struct {
	track   *track
	layers  []*videoLayer
	active  *videoLayer
	dec     *codec.VideoDecoder
	version uint64
	shown   timebase.Ticks // position of the newest picture
	ended   timebase.Ticks // local time; never, while the track lives
}

func (c *camera) member() *member { return c.layers[0].layer.member }

// videoLayer is one layer as the recording sees it.
type videoLayer struct {
	feed
	area  int            // of its last key frame, in pixels
	last  timebase.Ticks // local time of its newest unit
	stats decodeStats
}

func newCamera(t *track) (*camera, error) {
	dec, err := codec.NewVideoDecoder(t.layers[0].info.MimeType)
	if err != nil {
		return nil, err
	}
	return &camera{track: t, dec: dec}, nil
}

// adopt takes in the layers that came since; member.mu is held.
func (c *camera) adopt() {
	for _, l := range c.track.layers[len(c.layers):] {
		c.layers = append(c.layers, &videoLayer{feed: feed{layer: l}})
	}
}

// decode decodes what was pulled, for the picture at local time at.
func (c *camera) decode(at timebase.Ticks, tl *timeline) {
	for _, l := range c.layers {
		l.note()
	}
	for _, l := range c.layers {
		if l != c.active && c.better(l, at) {
			c.change(l)
		}
	}
	if c.active != nil {
		c.decodeLayer(c.active, tl)
	}
}

// note learns from the units what a layer is like.
func (l *videoLayer) note() {
	for _, u := range l.due {
		l.last = u.at
		if u.Key && u.Width > 0 {
			l.area = u.Width * u.Height
		}
	}
}

func (l *videoLayer) key() int {
	for i, u := range l.due {
		if u.Key {
			return i
		}
	}
	return -1
}

// better says whether to change to l now: it has a key frame and is larger than
// the layer in use, or that one is dead.
func (c *camera) better(l *videoLayer, at timebase.Ticks) bool {
	return l.key() >= 0 && (c.active == nil || l.area > c.active.area || c.dead(at))
}

func (c *camera) dead(at timebase.Ticks) bool { return at-c.active.last > layerDead }

// change makes l the layer in use, from its key frame on.
func (c *camera) change(l *videoLayer) {
	c.active = l
	l.due = l.due[l.key():]
}

// steer asks for key frames of the layers that would be better than the one in
// use, and of no others.
func (c *camera) steer(at timebase.Ticks) {
	for _, l := range c.layers {
		if wanted := c.wants(l, at); wanted == l.layer.unwanted {
			l.restart(wanted)
		}
	}
}

func (c *camera) wants(l *videoLayer, at timebase.Ticks) bool {
	if l == c.active || c.active == nil || l.area == 0 {
		return true
	}
	return at-l.last <= layerDead && (l.area > c.active.area || c.dead(at))
}

// decodeLayer decodes the due units of l. Those that nothing depends on are
// left out unless they are shown.
func (c *camera) decodeLayer(l *videoLayer, tl *timeline) {
	for i, u := range l.due {
		pos, recorded := tl.position(u.at)
		if !recorded || u.Discardable && i < len(l.due)-1 {
			continue
		}
		fresh, err := c.dec.Decode(u.Data)
		if fresh {
			l.stats.decoded++
			c.version++
			c.shown = pos
		}
		if err != nil {
			l.stats.errors++
			l.restart(true)
			return
		}
	}
}

func (c *camera) close() { c.dec.Close() }
