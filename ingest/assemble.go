package ingest

import (
	"bytes"
	"errors"

	"github.com/callreel/callreel/internal/timebase"
)

// assembler finds the access units of a video stream whose packets are in order.
type assembler struct {
	codec depacketiser
	chain dependency
	ran   bool // a key frame was handed out since the last start

	open    bool // an access unit is under way
	bad     bool // and cannot be completed
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
		v.open, v.bad, v.ts, v.arrival = true, false, ts, p.at
	}
	v.arrival = min(v.arrival, p.at)
	if !v.bad {
		if err := v.codec.add(p.Payload); err != nil {
			r.noteMalformed(err)
			v.bad = true
		}
	}
	if p.Marker {
		r.endAccessUnit()
	}
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
	if len(au.data) > 0 {
		r.offer(&au)
	}
}

// offer hands out an access unit if it can be decoded.
func (r *Receiver) offer(au *accessUnit) {
	v := &r.video
	admitted := v.chain.admit(au)
	r.noteFreeze()
	if !admitted {
		r.leaveOut()
		return
	}
	ok := r.emit(Unit{
		RTP: v.ts, Arrival: v.arrival, Data: bytes.Clone(au.data), Key: au.key,
		Discardable: au.discardable, Width: au.width, Height: au.height,
	})
	if !ok {
		v.chain = dependency{broken: true}
		r.noteFreeze()
		return
	}
	if au.key {
		r.stats.KeyFrames++
		v.ran = true
		r.keys = keyAsker{}
	}
}

// lose tells the video that n packets are missing before the next one.
func (r *Receiver) lose(n int) {
	if r.cfg.Codec.Kind != Video {
		return
	}
	r.video.bad = true // if it is open: its rest may be what is missing
	r.video.codec.drop()
	r.video.chain.lose(n)
	r.noteFreeze()
}

// dropAccessUnit gives up the access unit that just ended.
func (r *Receiver) dropAccessUnit() {
	r.leaveOut()
	r.lose(1)
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
	r.video = assembler{codec: r.video.codec, chain: dependency{broken: true}}
	r.keys = keyAsker{}
}
