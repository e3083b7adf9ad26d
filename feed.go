package callreel

import (
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// maxTransit is how long anything may be on its way: twice as long as composing
// is behind at most.
const maxTransit = 10 * timebase.Second

// maxHeld is for how long packets wait when composing is late. Sound of that
// length takes some 10 MB a participant; pictures are bounded by the receivers.
const maxHeld = 10 * 60 * timebase.Second

// unit is a coded frame with the local time at which it was captured.
type unit struct {
	ingest.Unit
	at      timebase.Ticks
	final   bool // the clock has jumped since, so that it can't tell any more
	surplus bool // it is of a temporal layer that was found not to be wanted since
}

// feed is the recording's end of a layer: what has come and is not due yet. It
// belongs to the recording; the layer's own state is read under its lock.
type feed struct {
	layer *layer
	queue []unit
	jumps int64  // of the layer's clock, when the queue was dated
	due   []unit // of the last pull
	asked []uint16

	overflowed uint64 // packets given up that would have waited too long
	spilt      int    // those since the last one that was queued
}

// pull moves what the receiver has into the queue and what was captured before
// limit from the queue to due, in decode order; member.mu is held. Nothing is
// queued for long: no unit is dated after its arrival by more than a map's error.
func (f *feed) pull(now, limit timebase.Ticks) {
	l := f.layer
	f.recycle(f.due)
	f.due = f.due[:0]
	if l.receiver != nil {
		l.receiver.Advance(now)
		f.asked = l.missing(now, f.asked[:0])
		f.collect(l.receiver)
	}
	f.date()
	n := 0
	for ; n < len(f.queue) && f.queue[n].at < limit; n++ {
		f.due = append(f.due, f.queue[n])
	}
	rest := copy(f.queue, f.queue[n:])
	clear(f.queue[rest:])
	f.queue = f.queue[:rest]
}

// spare says whether what comes can't be used, and then forgets what has come;
// member.mu is held.
func (f *feed) spare(spared bool) {
	if r := f.layer.receiver; r != nil {
		r.Idle(spared)
	}
	if spared {
		f.discard()
	}
}

// discard forgets what has come; member.mu is held.
func (f *feed) discard() {
	if r := f.layer.receiver; r != nil {
		f.collect(r)
	}
	f.recycle(f.queue)
	clear(f.queue)
	f.queue = f.queue[:0]
}

// recycle gives the memory of units back to the receiver.
func (f *feed) recycle(units []unit) {
	if r := f.layer.receiver; r != nil {
		for _, u := range units {
			r.Recycle(u.Unit)
		}
	}
}

// ask asks for the packets that the last pull found missing. Most requests go
// out as packets arrive; these are for tracks from which nothing does.
func (f *feed) ask() {
	if len(f.asked) > 0 {
		f.layer.info.RequestPackets(f.asked)
		f.asked = f.asked[:0]
	}
}

// collect queues what the receiver has.
func (f *feed) collect(r *ingest.Receiver) {
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		if f.layer.codec.Kind == ingest.Audio && len(f.queue) > 0 && u.Arrival-f.queue[0].Arrival > maxHeld {
			f.overflowed++
			f.spilt++
			continue
		}
		u.Lost += f.spilt
		f.spilt = 0
		f.queue = append(f.queue, unit{Unit: u, at: f.layer.date(u)})
	}
}

// date dates the queue by what the clock now knows. From a jump of the clock on,
// units from before it keep the date that they had.
func (f *feed) date() {
	jumps := f.layer.clock.Stats().Jumps
	jumped := jumps != f.jumps
	f.jumps = jumps
	for i := range f.queue {
		u := &f.queue[i]
		if u.final {
			continue
		}
		at := f.layer.date(u.Unit)
		if u.final = jumped && apart(at, u.Arrival) > apart(u.at, u.Arrival); !u.final {
			u.at = at
		}
	}
}

func apart(a, b timebase.Ticks) timebase.Ticks { return max(a-b, b-a) }

// date returns when a unit was captured, in local time. One of a stream that
// has ended since, by a change of SSRC, is dated by its arrival.
func (l *layer) date(u ingest.Unit) timebase.Ticks {
	if u.SSRC != l.ssrc {
		return u.Arrival
	}
	return l.captured(uint32(u.RTP), u.Arrival)
}

// captured returns when something that arrived was captured. A date that can't
// be means that the sender's clock has stepped, before or after: then it is that
// of the arrival.
func (l *layer) captured(rtp uint32, arrival timebase.Ticks) timebase.Ticks {
	at, ok := l.clock.At(rtp)
	if !ok || at > arrival+timebase.JumpLimit || at < arrival-maxTransit {
		return arrival
	}
	return at
}

// restart forgets what has come but is not pulled, and asks for a key frame if
// the layer is wanted from now on.
func (f *feed) restart(wanted bool) {
	m := f.layer.member
	m.mu.Lock()
	defer m.mu.Unlock()
	f.layer.want(wanted)
	if f.layer.receiver != nil && wanted {
		f.layer.receiver.Reset()
	}
	f.queue = f.queue[:0]
}

// drain saves what was captured before a pause, so that the receiver can start
// afresh after it: the packets of the pause are not lost, and video goes on
// with a key frame.
func (f *feed) drain() {
	m := f.layer.member
	m.mu.Lock()
	defer m.mu.Unlock()
	r := f.layer.receiver
	if r == nil {
		return
	}
	r.Advance(never) // nothing from before the pause is let in any more
	f.collect(r)
	r.Reset()
}
