package callreel

import (
	"image"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

const (
	// layerDead is how long a simulcast layer may be silent before another is taken.
	layerDead = 3 * timebase.Second / 2
	// allLayers is the temporal or spatial layer to ask a receiver for if all are wanted.
	allLayers = -1
)

// place is how a track is seen: the size of its tile in pixels, zero if it is not.
type place struct {
	size image.Point
	fill bool // the picture covers the tile; otherwise it is fitted into it
}

// covers reports whether a picture need not be enlarged, or hardly: by a tenth at most.
func (p place) covers(size image.Point) bool {
	wide, high := size.X*10 >= p.size.X*9, size.Y*10 >= p.size.Y*9
	if p.fill {
		return wide && high
	}
	return wide || high
}

// better reports whether pictures of size a suit the place better than those of
// size b: the smallest that cover it, or else the largest.
func (p place) better(a, b image.Point) bool {
	if ca, cb := p.covers(a), p.covers(b); ca != cb {
		return ca
	} else if ca {
		return a.X*a.Y < b.X*b.Y
	}
	return a.X*a.Y > b.X*b.Y
}

// videoLayer is one layer of a simulcast, or all there is of a track, as the
// recording sees it.
type videoLayer struct {
	feed
	has      ingest.Layers
	spatial  int            // the highest one wanted within it
	temporal int            // likewise; allLayers for all
	early    timebase.Ticks // how long before its time a picture is shown; set with temporal, so that it is steady
	gaps     uint8          // bit i: of temporal layer i something was left out that later units may need
	packets  uint64         // that have come
	last     timebase.Ticks // local time of the last tick that saw packets come
}

// learn finds out at local time at what the layer has; member.mu is held.
func (l *videoLayer) learn(at timebase.Ticks) {
	r := l.layer.receiver
	if r == nil {
		l.has = ingest.Layers{}
		return
	}
	l.has = r.LayersIn(l.has)
	if n := r.Stats().Packets; n > l.packets {
		l.packets, l.last = n, at
	}
}

// best returns which of its spatial layers suits a place best, of those with no
// more than so many pixels; zero sizes are those that are not known.
func (l *videoLayer) best(p place, pixels int) (id int, size image.Point) {
	id = allLayers
	for i, s := range l.has.Spatial {
		if s != (image.Point{}) && s.X*s.Y <= pixels && (id == allLayers || p.better(s, size)) {
			id, size = i, s
		}
	}
	return id, size
}

// thin returns the lowest temporal layer that reaches frames/s. It takes a
// little more to give up a layer than to keep it, so that the choice is steady.
func (l *videoLayer) thin(rate float64) int {
	for i, r := range l.has.Rates {
		least := 1.1 * rate
		if i == l.temporal {
			least = 0.95 * rate
		}
		if r >= least && i < len(l.has.Rates)-1 {
			return i
		}
	}
	return allLayers
}

// thinOut gives up what has come of higher temporal layers, as the receiver does with
// what comes: a recording begins a second behind the call, so that is a second of all.
func (l *videoLayer) thinOut(temporal int) {
	for _, units := range [][]unit{l.due, l.queue} {
		for i := range units {
			u := &units[i]
			u.surplus = u.surplus || int(u.Temporal) > temporal && !u.Key
		}
	}
}

// sends reports whether something came of the layer lately.
func (l *videoLayer) sends(at timebase.Ticks) bool { return l.packets > 0 && at-l.last <= layerDead }

// prefer finds the layer that suits the place best, of those that send; member.mu is held.
func (c *camera) prefer(at timebase.Ticks, rate float64) {
	var size image.Point
	c.preferred = nil
	for _, l := range c.layers {
		l.learn(at)
		id, s := l.best(c.place, c.pixels)
		if s == (image.Point{}) || !l.sends(at) {
			continue
		}
		if c.preferred == nil || c.place.better(s, size) {
			c.preferred, size = l, s
		}
		l.choose(id, l.thin(rate))
	}
}

// choose tells the receiver which layers are wanted; member.mu is held.
func (l *videoLayer) choose(spatial, temporal int) {
	if spatial == l.spatial && temporal == l.temporal {
		return
	}
	if temporal != allLayers {
		l.thinOut(temporal)
	}
	l.spatial, l.temporal, l.early = spatial, temporal, l.halfInterval(temporal)
	l.layer.receiver.Select(spatial, temporal)
}

// halfInterval returns half the time between the pictures of temporal layers up to
// one, if that leaves out others. Pictures that are that early are, on average, in
// time: each frame then shows the one nearest to it, where the newest before it
// would be late by half the time between two. Of all layers that is not worth
// decoding later for: 17 ms of 30 pictures/s.
func (l *videoLayer) halfInterval(temporal int) timebase.Ticks {
	if temporal == allLayers {
		return 0
	}
	return timebase.Ticks(float64(timebase.Second) / l.has.Rates[temporal] / 2)
}

// until returns the local time before which pictures are for the frame at local time
// at: none from after the end of what is recorded then.
func (l *videoLayer) until(at timebase.Ticks, t *timeline) timebase.Ticks {
	return at + min(1+l.early, t.left(at))
}

// steer asks for key frames of the layer in use, the preferred one, and those
// of which nothing is known yet, and of no others.
func (c *camera) steer(at timebase.Ticks) {
	for _, l := range c.layers {
		if wanted := c.wants(l, at); wanted == l.layer.unwanted {
			l.restart(wanted)
		}
	}
}

func (c *camera) wants(l *videoLayer, at timebase.Ticks) bool {
	if c.idle() {
		return false
	}
	_, size := l.best(c.place, c.pixels)
	return l == c.active || l == c.preferred || size == (image.Point{}) && (c.active == nil || l.sends(at))
}

// idle reports whether the track is not seen, so that nothing need be decoded.
func (c *camera) idle() bool { return c.place.size == (image.Point{}) }

// skip drops what has come; member.mu is held. To go on later takes a key frame,
// which steer asks for.
func (c *camera) skip() {
	c.active, c.torn = nil, false
	for _, l := range c.layers {
		l.layer.want(false)
		l.discard()
	}
}

// spares reports whether what comes of l now can't be used: the track is not seen,
// or another layer is in use, and it takes a key frame that is yet to be asked for
// to change to l.
func (c *camera) spares(l *videoLayer) bool {
	elsewhere := c.active != nil && c.preferred != nil && l != c.active && l != c.preferred
	return l.layer.unwanted && (c.idle() || elsewhere)
}

// move tells the camera where it is seen from now on, and the source, which may
// be able to send what suits.
func (c *camera) move(p place) {
	if p == c.place {
		return
	}
	c.place = p
	if c.idle() {
		c.active, c.torn = nil, false // what is left out now will be missing, but by nobody
	}
	for _, l := range c.layers {
		if ask := l.layer.info.RequestSize; ask != nil && c.ended == never {
			ask(p.size.X, p.size.Y)
		}
	}
}
