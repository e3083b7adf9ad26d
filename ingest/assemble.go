package ingest

import (
	"errors"
	"math/bits"

	"github.com/callreel/callreel/internal/timebase"
)

// assembler finds the access units of a video stream whose packets are in order.
type assembler struct {
	codec depacketiser
	chain chain
	ran   bool // a key frame was handed out since the last start

	open    bool // an access unit is under way
	bad     bool // and nothing of it is of use
	tinted  bool // it tells its colour
	lost    int  // packets missing in it, or at its end
	ts      int64
	arrival timebase.Ticks
}

// assemble takes the next packet of a video stream. An access unit ends with
// the marker bit, or where the timestamp changes.
func (r *Receiver) assemble(p arrived, ts int64) {
	v := &r.video
	if v.open && ts != v.ts {
		r.endAccessUnit()
	}
	if !v.open {
		v.open, v.bad, v.tinted, v.lost, v.ts, v.arrival = true, false, false, 0, ts, p.at
	}
	v.arrival = min(v.arrival, p.at)
	r.orient(p)
	r.tint(p)
	if !v.bad {
		if err := v.codec.add(p.Payload, p.extension(r.cfg.Extensions.DependencyDescriptor)); err != nil {
			r.noteMalformed(err)
			v.spoil(1, errors.Is(err, errIncomplete))
		}
	}
	if p.Marker {
		r.endAccessUnit()
	}
}

// spoil says that n packets of the access unit are of no use, nor are the
// others unless they stand for themselves.
func (v *assembler) spoil(n int, rest bool) {
	v.lost += n
	v.bad = v.bad || !rest || !v.codec.hole()
}

func (r *Receiver) endAccessUnit() {
	v := &r.video
	v.open = false
	if v.bad {
		r.dropAccessUnit()
		return
	}
	au, err := v.codec.take()
	if err != nil {
		r.noteMalformed(err)
		r.dropAccessUnit()
		return
	}
	if len(au.frames) > 0 {
		r.offer(&au)
	}
	if v.lost > 0 {
		v.chain.lose(v.lost)
		r.noteFreeze()
	}
}

// offer hands out what is wanted of an access unit and can be decoded.
func (r *Receiver) offer(au *accessUnit) {
	v := &r.video
	r.seen.add(v.ts, au.frames)
	ch := v.chain.choose(au, r.want)
	r.noteFreeze()
	r.noteChoice(ch)
	if ch.set == 0 {
		return
	}
	if au.key && !v.tinted {
		r.colour = Colour{}
	}
	if !r.hand(au, ch) {
		v.chain = newChain()
		r.noteFreeze()
		return
	}
	if au.key {
		r.stats.KeyFrames++
		v.ran = true
		r.keys = keyAsker{}
	}
}

// hand queues what was chosen of an access unit. It reports false if there is no
// room.
func (r *Receiver) hand(au *accessUnit, ch choice) bool {
	if r.idle {
		r.stats.Unwanted += uint64(bits.OnesCount8(ch.set))
		r.lost, r.dropped = 0, 0
		return true
	}
	v := &r.video
	u := Unit{
		RTP: v.ts, Arrival: v.arrival, Data: au.join(r.memory(len(au.data)+superframeIndexSize), ch.set), Key: au.key, Discardable: au.discardable,
		Spatial: ch.spatial, Temporal: ch.temporal, Sync: ch.sync, Rotation: r.turn, Colour: r.colour,
	}
	if au.key {
		f := &au.frames[ch.last]
		u.Width, u.Height = f.width, f.height
	}
	return r.emit(u)
}

// Idle says whether the units of video are of no use for now: they are not put
// together, and of that they cost little. All that came is counted as ever, and
// told by [Receiver.Layers]. After it video goes on with a key frame.
func (r *Receiver) Idle(idle bool) {
	if r.cfg.Codec.Kind == Video && r.idle && !idle {
		r.video.chain, r.video.ran = newChain(), false
	}
	r.idle = idle
}

// noteChoice counts what is left out of an access unit. Without a loss since
// the last key frame it is for a switching point that frames are missed.
func (r *Receiver) noteChoice(ch choice) {
	r.stats.Unwanted += uint64(ch.unwanted)
	hole := r.video.lost > 0 && !ch.complete
	switch {
	case ch.missed == 0 && !hole:
	case !hole && !r.video.chain.hurt:
		r.stats.Unwanted += uint64(ch.missed)
	case ch.set == 0:
		r.leaveOut()
	default:
		r.stats.Reduced++
	}
}

// lose tells the video that n packets are missing before the next one.
func (r *Receiver) lose(n int) {
	if r.cfg.Codec.Kind != Video {
		return
	}
	v := &r.video
	if v.open { // its rest may be what is missing
		v.spoil(n, n < maxJump)
		return
	}
	v.codec.drop()
	v.chain.lose(n)
	r.noteFreeze()
}

// dropAccessUnit gives up the access unit that just ended.
func (r *Receiver) dropAccessUnit() {
	v := &r.video
	r.leaveOut()
	v.codec.drop()
	v.chain.lose(max(v.lost, 1))
	r.noteFreeze()
}

// noteMalformed counts what is wrong in itself, not for lack of another packet.
func (r *Receiver) noteMalformed(err error) {
	if !errors.Is(err, errIncomplete) {
		r.stats.Malformed++
	}
}

// noteFreeze counts the moments at which a running video lost its footing.
func (r *Receiver) noteFreeze() {
	if r.video.ran && r.video.chain.broken {
		r.video.ran = false
		r.stats.Freezes++
	}
}

// restartVideo makes video wait for a key frame.
func (r *Receiver) restartVideo() {
	if r.cfg.Codec.Kind != Video {
		return
	}
	r.video.codec.drop()
	r.video = assembler{codec: r.video.codec, chain: newChain()}
	r.keys = keyAsker{}
}
