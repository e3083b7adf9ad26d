package ingest

import "slices"

const (
	// maxSpare is how many units' memory is kept: those that are used at a time.
	maxSpare = 8
	// maxSpareBytes is for the memory of how large units. All that is in use would
	// grow to the size of key frames otherwise.
	maxSpareBytes = 16 << 10
	// roomStep is what there is room for in multiples of, so that memory soon is for
	// units of most sizes.
	roomStep = 4 << 10
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
// of those to spare that will do, or else a new one in the place of another.
func (r *Receiver) memory(size int) []byte {
	if size > maxSpareBytes {
		if b := r.large; cap(b) >= size {
			r.large = nil
			return b
		}
		return make([]byte, 0, size)
	}
	best := -1
	for i, b := range r.spare {
		if cap(b) >= size && (best < 0 || cap(b) < cap(r.spare[best])) {
			best = i
		}
	}
	if best < 0 {
		r.spare = r.spare[:max(0, len(r.spare)-1)]
		return make([]byte, 0, (size+roomStep-1)/roomStep*roomStep)
	}
	b := r.spare[best]
	r.spare = slices.Delete(r.spare, best, best+1)
	return b
}
