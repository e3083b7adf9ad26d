package ingest

import (
	"slices"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

// restoredMemory is of how many restored packets it is remembered that they
// did not come themselves.
const restoredMemory = 64

// startRecovery forgets what is missing and what could restore it.
func (r *Receiver) startRecovery() {
	r.asker.start(r.buf.next)
	r.restored = r.restored[:0]
	if r.fec != nil {
		r.fec.reset()
	}
}

// unwrap takes the redundancy off a packet, in place. One of a type that is not
// listed becomes an empty one: its sequence number has come all the same.
func (r *Receiver) unwrap(p *rtp.Packet) {
	types := r.cfg.Payloads
	r.blocks = r.blocks[:0]
	switch {
	case len(p.Payload) == 0:
		r.stats.Padding++
		return
	case types == Payloads{}:
		return
	case types.RED != 0 && p.PayloadType == types.RED:
		r.unwrapRED(p)
	}
	isFEC := types.ULPFEC != 0 && p.PayloadType == types.ULPFEC
	if len(p.Payload) > 0 && p.PayloadType != types.Media && !isFEC {
		r.stats.Unlisted++
		p.Payload = nil
	}
}

// protect shows a packet of the running stream to the error correction, and
// puts what that brings back into the stream.
func (r *Receiver) protect(p arrived) {
	if r.fec == nil || len(p.Payload) == 0 {
		return
	}
	if p.PayloadType == r.cfg.Payloads.ULPFEC {
		if err := r.fec.addFEC(p.Payload, p.SSRC); err != nil {
			r.stats.Malformed++
		}
		p.Payload = nil
	} else {
		r.fec.addMedia(p.Packet)
	}
	for q := r.fec.recover(); q != nil; q = r.fec.recover() {
		if q.PayloadType == r.cfg.Payloads.Media && r.lacks(r.buf.offset(q.SequenceNumber)) {
			r.restore(q, p.at)
		}
	}
}

// lacks reports whether the packet that is offset ahead of the one due is missing.
func (r *Receiver) lacks(offset int) bool {
	return offset >= 0 && offset <= maxJump && !r.buf.holds(offset)
}

// restore puts a packet in its place, where one is missing.
func (r *Receiver) restore(p *rtp.Packet, at timebase.Ticks) {
	offset := r.buf.offset(p.SequenceNumber)
	r.buf.put(offset, arrived{p, at})
	seq := r.buf.next + int64(offset)
	r.asker.came(seq, at)
	r.stats.Recovered++
	if len(r.restored) == restoredMemory {
		r.restored = slices.Delete(r.restored, 0, 1)
	}
	r.restored = append(r.restored, seq)
}

// repeated counts a packet that is there already. If it had only been restored,
// it was no loss after all.
func (r *Receiver) repeated(offset int) {
	i := slices.Index(r.restored, r.buf.next+int64(offset))
	if i < 0 {
		r.stats.Duplicate++
		return
	}
	r.restored = slices.Delete(r.restored, i, i+1)
	r.stats.Recovered--
}
