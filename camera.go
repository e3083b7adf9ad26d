package callreel

import (
	"cmp"
	"image"
	"slices"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
)

const (
	// staleAfter is how long a camera's last picture stands for a stream that
	// has stopped before the avatar takes its place.
	staleAfter = 3 * timebase.Second
	// layerDead is how long a simulcast layer may be silent before another is taken.
	layerDead = 3 * timebase.Second / 2
	// minFrozen is how long a picture must stand for want of a decodable one to
	// be called frozen: two frames at 8 frames/s.
	minFrozen = timebase.Second / 4
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

	health health
	beat   pulse // of this tick
	stats  decodeStats
	torn   bool // units were left out since the newest picture
	dark   bool // it is black
	frozen spans
	blank  spans
	black  spans
	use    LayerUse                    // of the newest picture; Duration is not set
	used   map[LayerUse]timebase.Ticks // for how long
}

func (c *camera) member() *member { return c.layers[0].layer.member }

// videoLayer is one layer as the recording sees it.
type videoLayer struct {
	feed
	area int            // of its last key frame, in pixels
	last timebase.Ticks // local time of its newest unit
}

func newCamera(t *track) (*camera, error) {
	dec, err := codec.NewVideoDecoder(t.layers[0].info.MimeType)
	if err != nil {
		return nil, err
	}
	return &camera{track: t, dec: dec, used: make(map[LayerUse]timebase.Ticks)}, nil
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
		c.torn = c.torn || u.Dropped > 0
		pos, recorded := tl.position(u.at)
		if !recorded || u.Discardable && i < len(l.due)-1 {
			continue
		}
		fresh, err := c.dec.Decode(u.Data)
		if fresh {
			c.took(pos)
		}
		if err != nil {
			c.stats.errors++
			c.torn = true
			l.restart(true)
			return
		}
	}
}

// took notes a new picture, of position pos.
func (c *camera) took(pos timebase.Ticks) {
	if c.torn && c.version > 0 && pos-c.shown >= minFrozen {
		c.frozen.add(c.shown, pos)
	}
	c.torn = false
	c.stats.decoded++
	c.beat.decoded = true
	c.version++
	c.shown = pos
	size := c.dec.Picture().Rect.Size()
	c.use = LayerUse{RID: c.active.layer.info.RID, Width: size.X, Height: size.Y}
}

// watch notes what is seen of the track at pos, for as long as a frame lasts.
func (c *camera) watch(pos, frame timebase.Ticks) {
	p := c.dec.Picture()
	if p == nil {
		if c.health.flowing(pos) {
			c.blank.add(pos, pos+frame)
		}
		return
	}
	if pos-c.shown > staleAfter {
		return
	}
	if c.beat.decoded {
		c.dark = dark(p)
	}
	if c.dark {
		c.black.add(pos, pos+frame)
	}
	c.used[c.use] += frame
}

// report tells what came of the track, up to pos.
func (c *camera) report(pos timebase.Ticks) TrackReport {
	if c.torn && c.health.flowing(pos) && pos-c.shown >= minFrozen {
		c.frozen.add(c.shown, pos)
	}
	r := c.layers[0].layer.describe(c.stats)
	for _, l := range c.layers {
		r.Layers = append(r.Layers, l.layer.stats())
	}
	r.Pictures = &PicturesReport{Frozen: c.frozen.report(), Blank: c.blank.report(), Black: c.black.report()}
	for use, d := range c.used {
		use.Duration = d.Duration()
		r.Pictures.Used = append(r.Pictures.Used, use)
	}
	slices.SortFunc(r.Pictures.Used, func(a, b LayerUse) int {
		return cmp.Or(cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.RID, b.RID), cmp.Compare(a.Width, b.Width))
	})
	return r
}

// dark reports whether a picture is black, by a sample of its luma in limited range.
func dark(p *image.YCbCr) bool {
	const steps, level = 24, 24
	for y := range steps {
		row := p.Y[(2*y+1)*p.Rect.Dy()/(2*steps)*p.YStride:]
		for x := range steps {
			if row[(2*x+1)*p.Rect.Dx()/(2*steps)] > level {
				return false
			}
		}
	}
	return true
}

func (c *camera) close() { c.dec.Close() }
