package ingest

const (
	// maxSpare is how many units' memory is kept: those that are used at a time.
	maxSpare = 8
	// maxSpareBytes is for the memory of how large units. All that is in use would
	// grow to the size of key frames otherwise.
	maxSpareBytes = 16 << 10
)

// Recycle gives back the memory of a unit's data, which nobody may use any more,
// for another one. It need not be called. The data of audio is that of packets,
// which others may have: it is left alone.
func (r *Receiver) Recycle(u Unit) {
	if r.cfg.Codec.Kind == Video && len(r.spare) < maxSpare && cap(u.Data) > 0 && cap(u.Data) <= maxSpareBytes {
		r.spare = append(r.spare, u.Data[:0])
	}
}

// memory returns an empty slice for data, nil if there is none to spare.
func (r *Receiver) memory() []byte {
	n := len(r.spare)
	if n == 0 {
		return nil
	}
	b := r.spare[n-1]
	r.spare[n-1], r.spare = nil, r.spare[:n-1]
	return b
}
