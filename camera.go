package callreel

import (
	"cmp"
	"errors"
	"image"
	"slices"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
)

const (
	// staleAfter is how long a camera's last picture stands for a stream that
	// has stopped before the avatar takes its place.
	staleAfter = 3 * timebase.Second
	// minFrozen is how long a picture must stand for want of a decodable one to
	// be called frozen: two frames at 8 frames/s.
	minFrozen = timebase.Second / 4
	// maxUses bounds the layers, and sizes of them, that a report lists for a track.
	maxUses = 200
)

// camera is a video track's way onto the canvas: its layers, of which one is
// decoded, and the newest picture.
type camera struct {
	track     *track
	key       string // of the tile that shows it, if it is a screen
	place     place
	seen      bool // the newest frame has a tile for it
	drawn     bool // and its picture is in that
	layers    []*videoLayer
	active    *videoLayer // the one that is decoded
	preferred *videoLayer // the one that should be
	dec       *codec.VideoDecoder
	pixels    int // of the largest picture that is decoded
	budget    *budget
	held      bool              // the budget was exhausted
	version   uint64            // of the newest picture: another one if it is
	rotation  int               // of the newest picture, in degrees clockwise
	colour    compositor.Colour // likewise
	shown     timebase.Ticks    // position of the newest picture
	ended     timebase.Ticks    // local time; never, while the track lives

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

// slideNoise is by how many levels what encoders make of a slide changes from one
// picture to the next without anybody seeing it: the H.264 encoder rounds it off.
const slideNoise = 2

func newCamera(l *layer, p place, pixels int) (*camera, error) {
	dec, err := codec.NewBoundedVideoDecoder(l.info.MimeType, pixels)
	if err != nil {
		return nil, err
	}
	if l.track.role == ingest.Screen {
		dec.Tolerate(slideNoise)
	}
	return &camera{
		track: l.track, key: l.member.id + "\x00" + l.track.id, place: p,
		dec: dec, pixels: pixels, used: make(map[LayerUse]timebase.Ticks),
	}, nil
}

// adopt takes in the layers that came since; member.mu is held.
func (c *camera) adopt() {
	for _, l := range c.track.layers[len(c.layers):] {
		c.layers = append(c.layers, &videoLayer{feed: feed{layer: l}, spatial: allLayers, temporal: allLayers})
	}
}

// decode decodes what was pulled, for the picture at local time at.
func (c *camera) decode(at timebase.Ticks, clock frameClock) {
	if c.idle() {
		return
	}
	for _, l := range c.layers {
		if l != c.active && l.key() >= 0 && c.takes(l, at) {
			c.active = l
			l.due = l.due[l.key():]
		}
	}
	if c.active != nil {
		c.decodeLayer(c.active, clock)
	}
}

// takes says whether to change to l, which has a key frame: it is the one to
// have, or the one in use is silent.
func (c *camera) takes(l *videoLayer, at timebase.Ticks) bool {
	return c.active == nil || l == c.preferred || c.preferred == nil && !c.active.sends(at)
}

func (l *videoLayer) key() int {
	return slices.IndexFunc(l.due, func(u unit) bool { return u.Key })
}

// decodeLayer decodes the due units of l. Those that nothing depends on that is
// shown are left out, and all are if decoding has cost too much. When it has not
// any more, a key frame is asked for.
func (c *camera) decodeLayer(l *videoLayer, clock frameClock) {
	if c.held && !c.budget.exhausted() {
		c.held = false
		l.restart(true)
		return
	}
	for i, u := range l.due {
		c.torn = c.torn || u.Dropped > 0
		pos, recorded := clock.position(u.at)
		if !recorded && !l.leads(i, clock) || l.skips(i, clock) {
			continue
		}
		if c.budget.exhausted() {
			c.held, c.torn = true, true
			c.stats.withheld += uint64(len(l.due) - i)
			return
		}
		fresh, err := c.decodeUnit(u)
		if fresh {
			c.took(u, pos)
		}
		if err != nil {
			c.torn = true
			l.restart(true)
			return
		}
	}
}

// decodeUnit decodes a unit, unless it says that its picture is too large.
func (c *camera) decodeUnit(u unit) (fresh bool, err error) {
	if u.Width*u.Height > c.pixels {
		c.stats.oversize++
		return false, codec.ErrSize
	}
	since := c.budget.begin()
	fresh, err = c.dec.Decode(u.Data)
	c.budget.end(since)
	switch {
	case errors.Is(err, codec.ErrSize):
		c.stats.oversize++
	case err != nil:
		c.stats.errors++
	}
	return fresh, err
}

// took notes a new picture, of position pos, that came of u.
func (c *camera) took(u unit, pos timebase.Ticks) {
	if c.torn && c.version > 0 && pos-c.shown >= minFrozen {
		c.frozen.add(c.shown, pos)
	}
	c.torn = false
	c.stats.decoded++
	c.beat.decoded = true
	if c.dec.Changed() {
		c.version++
	}
	c.shown = pos
	size := c.dec.Picture().Rect.Size()
	c.rotation = u.Rotation
	c.colour = compositor.Colour(c.dec.Colour())
	if u.Colour != (ingest.Colour{}) { // the sender knows better than the stream
		c.colour = compositor.Colour(u.Colour)
	}
	c.use = LayerUse{
		RID: c.active.layer.info.RID, Spatial: u.Spatial, Temporal: c.active.temporal,
		Width: size.X, Height: size.Y, Rotation: u.Rotation,
	}
}

// watch notes what is seen of the track at pos, for as long as a frame lasts. A
// screen has no tile before there is a picture.
func (c *camera) watch(pos, frame timebase.Ticks) {
	p := c.dec.Picture()
	if p == nil {
		place := c.seen || c.track.role == ingest.Screen
		if place && c.health.flowing(pos) && pos >= c.health.good {
			c.blank.add(pos, pos+frame)
		}
		return
	}
	if c.beat.decoded {
		c.dark = dark(p)
	}
	if !c.drawn {
		return
	}
	if c.dark {
		c.black.add(pos, pos+frame)
	}
	if _, listed := c.used[c.use]; listed || len(c.used) < maxUses {
		c.used[c.use] += frame
	}
}

// report tells what came of the track, up to pos.
func (c *camera) report(pos timebase.Ticks) TrackReport {
	frozen := c.frozen.clone()
	if end := min(pos, c.health.last+flowEnd); c.version > 0 && end-c.shown >= minFrozen && c.stands() {
		frozen.add(c.shown, end)
	}
	r := c.layers[0].layer.describe(c.stats)
	for _, l := range c.layers {
		r.Layers = append(r.Layers, l.layer.stats())
	}
	r.Pictures = &PicturesReport{Frozen: frozen.report(), Blank: c.blank.report(), Black: c.black.report()}
	for use, d := range c.used {
		use.Duration = d.Duration()
		r.Pictures.Used = append(r.Pictures.Used, use)
	}
	slices.SortFunc(r.Pictures.Used, func(a, b LayerUse) int {
		return cmp.Or(
			cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.RID, b.RID), cmp.Compare(a.Width, b.Width), cmp.Compare(a.Height, b.Height),
			cmp.Compare(a.Spatial, b.Spatial), cmp.Compare(a.Temporal, b.Temporal), cmp.Compare(a.Rotation, b.Rotation),
		)
	})
	return r
}

// stands reports whether something is missing that should have come after the
// newest picture.
func (c *camera) stands() bool {
	m := c.member()
	m.mu.Lock()
	defer m.mu.Unlock()
	return c.torn || c.active != nil && c.active.layer.receiver != nil && c.active.layer.receiver.Torn()
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
