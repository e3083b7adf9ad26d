package ingest

import (
	"cmp"
	"slices"

	"github.com/callreel/callreel/internal/timebase"
)

const (
	// firstAsk is how long a packet may be late by reordering before it is asked for.
	firstAsk = 25 * timebase.Millisecond
	// The time between two requests for a packet grows from minAskAgain to
	// maxAskAgain: round trips are not known here.
	minAskAgain = 60 * timebase.Millisecond
	maxAskAgain = 200 * timebase.Millisecond
	// maxAsks is how often a packet is asked for.
	maxAsks = 10
	// maxAsked is how many packets are asked for at a time: what comes in
	// return shares the sender's bandwidth with what is new.
	maxAsked = 64
	// answerTime is about the shortest time in which a request is answered.
	answerTime = 10 * timebase.Millisecond
	// hopeless is the age of a gap by which three requests have gone unanswered.
	hopeless = 400 * timebase.Millisecond
)

// missing is a packet that has not come although a later one has.
type missing struct {
	seq     int64
	noticed timebase.Ticks
	due     timebase.Ticks // when to ask for it
	asks    int            // so far
}

// asker decides when to ask for which missing packets. Its numbers are those
// of the reorder buffer.
type asker struct {
	open    []missing // in order
	highest int64     // of the packets that came
}

// start begins a run of sequence numbers with the one before seq.
func (a *asker) start(seq int64) { *a = asker{open: a.open[:0], highest: seq - 1} }

// came notes a packet, and the ones that it shows to be missing. It reports
// whether the packet had been asked for.
func (a *asker) came(seq int64, at timebase.Ticks) (asked bool) {
	for ; a.highest < seq-1; a.highest++ {
		a.open = append(a.open, missing{seq: a.highest + 1, noticed: at, due: at + firstAsk})
	}
	if a.highest < seq {
		a.highest = seq
		return false
	}
	i, found := slices.BinarySearchFunc(a.open, seq, func(m missing, seq int64) int { return cmp.Compare(m.seq, seq) })
	if !found {
		return false
	}
	asked = a.open[i].asks > 0
	a.open = slices.Delete(a.open, i, i+1)
	return asked
}

// forget drops the packets before seq, which were given up.
func (a *asker) forget(seq int64) {
	n := 0
	for n < len(a.open) && a.open[n].seq < seq {
		n++
	}
	a.open = slices.Delete(a.open, 0, n)
}

// want appends the packets that are to be asked for now and are waited for
// long enough that it makes sense, and counts those that are new to it.
func (a *asker) want(now, wait timebase.Ticks, dst []uint16) (_ []uint16, fresh int) {
	limit := len(dst) + maxAsked
	for i := range a.open {
		m := &a.open[i]
		if now < m.due || m.asks == maxAsks || now+answerTime >= m.noticed+wait {
			continue
		}
		if len(dst) == limit {
			break
		}
		if m.asks == 0 {
			fresh++
		}
		m.due = now + min(timebase.Ticks(minAskAgain)<<m.asks, maxAskAgain)
		m.asks++
		dst = append(dst, uint16(m.seq))
	}
	return dst, fresh
}

// WantPackets appends to dst the sequence numbers of packets to ask the sender
// for now, in order and no more than 64: first when a packet has been missing
// for 25 ms, then again after 60 ms, 120 ms and every 200 ms, ten times at most
// and no longer than the answer can be in time.
func (r *Receiver) WantPackets(now timebase.Ticks, dst []uint16) []uint16 {
	dst, fresh := r.asker.want(now, r.cfg.MaxWait, dst)
	r.stats.Asked += uint64(fresh)
	return dst
}

// hopeless reports whether video should go on with a key frame though it is
// still waiting for packets. With temporal layers, or error correction that may
// be all that is missing, the loss may turn out to be harmless.
func (r *Receiver) hopeless(now timebase.Ticks) bool {
	if len(r.asker.open) == 0 || !r.video.fragile() || r.fec != nil && r.fec.active() {
		return false
	}
	return now-r.asker.open[0].noticed >= hopeless
}

// fragile reports whether any loss makes the video wait for a key frame.
func (v *assembler) fragile() bool { return v.chain.blind && !v.chain.layers[v.chain.top].last.known }
