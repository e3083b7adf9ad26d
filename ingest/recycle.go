package ingest

import (
	"math/bits"
	"slices"
)

const (
	// maxSpare is how many units' memory is kept: those that are used at a time.
	maxSpare = 8
	// maxSpareBytes is for the memory of how large units. All that is in use would
	// grow to the size of key frames otherwise.
	maxSpareBytes = 16 << 10
	// maxLargeBytes is for the memory of one that is larger, as key frames are.
	maxLargeBytes = 512 << 10
)

// Recycle gives back the memory of a unit's data, which nobody may use any more,
// for another one. It need not be called. The data of audio is that of packets,
// which others may have: it is left alone.
func (r *Receiver) Recycle(u Unit) {
	switch size := cap(u.Data); {
	case r.cfg.Codec.Kind != Video || size == 0:
	case size > maxSpareBytes:
		if size > cap(r.large) && size <= maxLargeBytes {
			r.large = u.Data[:0]
		}
	case len(r.spare) < maxSpare:
		r.spare = append(r.spare, u.Data[:0])
	}
}

// memory returns an empty slice with room for so many bytes of data: the smallest
// of those to spare that will do, or else a new one in the place of the smallest.
func (r *Receiver) memory(size int) []byte {
	if size > maxSpareBytes {
		b := r.large
		r.large = nil
		if cap(b) < size {
			return make([]byte, 0, 1<<bits.Len(uint(size)))
		}
		return b
	}
	slices.SortFunc(r.spare, func(a, b []byte) int { return cap(a) - cap(b) })
	best := max(0, slices.IndexFunc(r.spare, func(b []byte) bool { return cap(b) >= size }))
	var b []byte
	if best < len(r.spare) {
		b = r.spare[best]
		r.spare = slices.Delete(r.spare, best, best+1)
	}
	if cap(b) < size {
		return make([]byte, 0, room(size))
	}
	return b
}

// room rounds a size up, so that memory soon is for units of most sizes. Small ones
// less: what waits is bounded by how much data it is, not by how much memory.
func room(size int) int {
	step := 256
	if size > 1<<10 {
		step = 4 << 10
	}
	return (size + step - 1) / step * step
}
