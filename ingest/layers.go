package ingest

import (
	"image"
	"math/bits"
)

// Layers tells what a track's stream, or a simulcast layer, is made of, by what
// came in about the last two seconds of RTP time, wanted or not.
type Layers struct {
	// Spatial has the size of each spatial layer in pixels by its ID, lowest
	// first, before rotation. It is zero where the stream does not tell it, and
	// for layers that are not there below one that is.
	Spatial []image.Point
	// Rates are the pictures per second up to and including each temporal layer.
	// They are zero before the second picture.
	Rates []float64
}

// layerIDs are those of a spatial and a temporal layer.
type layerIDs struct{ spatial, temporal uint8 }

func newLayerIDs(spatial, temporal int) layerIDs {
	id := func(n int) uint8 {
		if n < 0 || n > topLayer {
			return topLayer
		}
		return uint8(n)
	}
	return layerIDs{id(spatial), id(temporal)}
}

const (
	maxSightings = 128
	// sightingSpan is how long a layer counts as there without being seen, in seconds.
	sightingSpan = 2
)

// sighting is what a picture was made of.
type sighting struct {
	rtp      int64
	layers   uint8 // the spatial ones, as a set
	temporal uint8
}

// sightings remembers the last pictures, and the sizes of layers.
type sightings struct {
	ring  [maxSightings]sighting
	count int // of pictures seen
	sizes [maxFrames]image.Point
}

func (s *sightings) add(rtp int64, frames []frame) {
	now := sighting{rtp: rtp}
	for i := range frames {
		f := &frames[i]
		now.layers |= 1 << f.spatial
		now.temporal = max(now.temporal, f.temporal.id)
		if f.width > 0 {
			s.sizes[f.spatial] = image.Pt(f.width, f.height)
		}
	}
	s.ring[s.count%maxSightings] = now
	s.count++
}

// layers describes the pictures of the last seconds of a clock, in the memory of l.
func (s *sightings) layers(clock uint32, l Layers) Layers {
	var seen uint8
	var counts [topLayer + 1]int
	var span int64
	var first, top uint8 // temporal layers of the first picture, and the highest
	for i := range min(s.count, maxSightings) {
		p := s.ring[(s.count-1-i)%maxSightings]
		age := s.ring[(s.count-1)%maxSightings].rtp - p.rtp
		if age < span || age > sightingSpan*int64(clock) {
			break
		}
		span, first, top = age, p.temporal, max(top, p.temporal)
		seen |= p.layers
		counts[p.temporal]++
	}
	l.Spatial, l.Rates = l.Spatial[:0], l.Rates[:0]
	if seen == 0 {
		return l
	}
	for i := range bits.Len8(seen) {
		size := image.Point{}
		if seen&(1<<i) != 0 {
			size = s.sizes[i]
		}
		l.Spatial = append(l.Spatial, size)
	}
	counts[first]-- // n pictures make n-1 intervals
	l.Rates = appendRates(l.Rates, counts[:top+1], float64(span)/float64(clock))
	return l
}

// appendRates adds up the pictures of temporal layers in so many seconds.
func appendRates(out []float64, counts []int, seconds float64) []float64 {
	sum := 0
	for _, n := range counts {
		rate := 0.0
		if sum += n; seconds > 0 {
			rate = float64(sum) / seconds
		}
		out = append(out, rate)
	}
	return out
}

// Layers describes the stream. It is cheap enough to be called for every picture.
func (r *Receiver) Layers() Layers { return r.LayersIn(Layers{}) }

// LayersIn is [Receiver.Layers] in the memory of what it returned before.
func (r *Receiver) LayersIn(l Layers) Layers { return r.seen.layers(r.cfg.Codec.ClockRate, l) }

// Select says which spatial and temporal layers are wanted from now on: those
// up to the IDs given, or all, which is the default, for a negative one. Where
// nothing that low comes the lowest layer that does is handed out.
//
// Less takes effect with the next picture. More does where the higher layer
// begins without depending on pictures that were not handed out: of temporal
// layers soon, of spatial ones often with a key frame only, for which
// [Receiver.WantKeyFrame] then says to ask. Until then the layers so far go on.
func (r *Receiver) Select(spatial, temporal int) {
	r.want = newLayerIDs(spatial, temporal)
	r.video.chain.poor = false
}
