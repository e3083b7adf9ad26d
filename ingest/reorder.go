package ingest

import (
	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

// arrived is a packet and when it came.
type arrived struct {
	*rtp.Packet
	at timebase.Ticks
}

// overhead is about what a packet or a unit costs in memory besides its payload.
const overhead = 200

func (a arrived) size() int { return len(a.Payload) + overhead }

// reorderSpan is how far ahead of the packet that is due another may be.
// It is a power of two.
const reorderSpan = 1024

// reorder puts packets in order. It does not decide how long to wait.
type reorder struct {
	next  int64     // sequence number due
	ring  []arrived // by sequence number; the length is a power of two
	count int       // packets held: all of them came ahead of a missing one
	bytes int
	seen  [reorderSpan / 64]uint64 // which of the last packets before next came
}

// offset is how far ahead of the packet that is due seq is.
func (b *reorder) offset(seq uint16) int { return int(int16(seq - uint16(b.next))) }

// start makes seq the packet that is due and forgets everything before.
func (b *reorder) start(seq uint16) {
	clear(b.ring)
	*b = reorder{next: int64(seq), ring: b.ring}
}

// put stores a packet that is offset ahead of the one due, 0 <= offset <
// reorderSpan. It reports false for one that is there already.
func (b *reorder) put(offset int, p arrived) bool {
	if offset >= len(b.ring) {
		b.grow(offset)
	}
	slot := b.slot(b.next + int64(offset))
	if slot.Packet != nil {
		return false
	}
	*slot = p
	b.count++
	b.bytes += p.size()
	return true
}

// holds reports whether the packet that is offset ahead of the one due is there.
func (b *reorder) holds(offset int) bool {
	return offset < len(b.ring) && b.slot(b.next+int64(offset)).Packet != nil
}

// take returns the packet that is due if it is there.
func (b *reorder) take() (arrived, bool) {
	if b.count == 0 {
		return arrived{}, false
	}
	slot := b.slot(b.next)
	p := *slot
	if p.Packet == nil {
		return p, false
	}
	*slot = arrived{}
	b.count--
	b.bytes -= p.size()
	b.advance(true)
	return p, true
}

// skip gives up the packets that are missing and returns how many they were.
// At least one packet must be held.
func (b *reorder) skip() int {
	n := 0
	for b.slot(b.next).Packet == nil {
		b.advance(false)
		n++
	}
	return n
}

// oldest is when the first of the held packets came, and so how long ago it was
// known that the packet due is missing.
func (b *reorder) oldest() timebase.Ticks {
	var at timebase.Ticks
	for seq, left := b.next, b.count; left > 0; seq++ {
		p := b.slot(seq)
		if p.Packet == nil {
			continue
		}
		if left == b.count || p.at < at {
			at = p.at
		}
		left--
	}
	return at
}

// had reports whether the packet -offset before the one due came in time.
func (b *reorder) had(offset int) bool {
	if -offset > reorderSpan {
		return false
	}
	word, bit := b.mark(b.next + int64(offset))
	return *word&bit != 0
}

func (b *reorder) advance(came bool) {
	word, bit := b.mark(b.next)
	*word &^= bit
	if came {
		*word |= bit
	}
	b.next++
}

func (b *reorder) mark(seq int64) (word *uint64, bit uint64) {
	i := uint64(seq) % reorderSpan
	return &b.seen[i/64], 1 << (i % 64)
}

func (b *reorder) slot(seq int64) *arrived { return &b.ring[seq&int64(len(b.ring)-1)] }

func (b *reorder) grow(offset int) {
	old := *b
	size := max(len(b.ring), 32)
	for size <= offset {
		size *= 2
	}
	b.ring = make([]arrived, size)
	for seq := b.next; seq < b.next+int64(len(old.ring)); seq++ {
		*b.slot(seq) = *old.slot(seq)
	}
}
