package callreel

import (
	"math"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/still"
	"github.com/callreel/callreel/internal/timebase"
)

// settleTime is how long a picture has to stand until it gets a key frame of its
// own, with which repetitions begin.
const settleTime = timebase.Second

// standing is what an output knows of a picture that does not change. Once a key
// frame comes out of the encoder, and what the encoder got since is that picture
// again and again, the encoder gets no more: repetitions of the key frame are
// written instead, also in the place of what the encoder still holds. With the
// next change it goes on, with a key frame.
type standing struct {
	repeater *still.Repeater // nil: the encoder's stream can't be repeated
	changed  int64           // number of the newest frame with another picture than the one before
	still    bool            // repetitions are written
	since    int64           // frames before this one that come out of the encoder are not
	shown    int64           // number of the newest key frame that was repeated
}

// settled reports whether frame n is to be a key frame that can be repeated.
func (o *output) settled(n int64, of frameKind) bool {
	return o.repeater != nil && !o.still && of == unchanged && o.key < o.changed &&
		timebase.Ticks(n-o.changed)*o.frameLen >= settleTime
}

// stands decides whether frame n is written as a repetition. If it isn't, and the
// frames before it were, it has to be a key frame. So has one that is to be a key
// frame next to another: the encoder makes them differ.
func (o *output) stands(n int64, key bool) bool {
	if !o.still {
		return false
	}
	if n > o.changed && (!key || o.shown < n-1) {
		return true
	}
	o.still, o.since = false, n
	return false
}

// stand begins with repetitions if p is a key frame after which nothing changed.
// The frames that the encoder got since are repetitions too.
func (o *output) stand(p codec.Packet) (begun bool, err error) {
	if o.repeater == nil || !p.Key || p.PTS < o.changed || p.PTS < o.key {
		return false, nil
	}
	if err := o.repeater.Begin(o.held.Data); err != nil { // it won't be the last one
		o.repeater = nil
		return false, nil
	}
	last := o.newest
	o.still, o.since, o.given = true, math.MaxInt64, o.given[:0]
	o.key, o.shown = p.PTS, p.PTS
	for n := p.PTS + 1; n <= last; n++ {
		if err := o.repeat(n, false); err != nil {
			return true, err
		}
	}
	return true, nil
}

// repeat writes frame n as a repetition of the one before, or the key frame again.
func (o *output) repeat(n int64, key bool) error {
	if err := o.release(n); err != nil {
		return err
	}
	again := o.repeater.Next
	if key {
		o.key, o.shown = n, n
		again = o.repeater.Key
	}
	o.hold(append(o.held.Data[:0], again()...), n, n, key)
	o.newest = n
	return nil
}
