package ingest

// orient reads the video orientation that a packet may bring (3GPP TS 26.114
// section 7.4.5): of a byte the lowest two bits count the quarter turns
// clockwise that a receiver makes before display. It holds until the next.
func (r *Receiver) orient(p arrived) {
	if b := r.extension(p, r.cfg.Extensions.VideoOrientation); len(b) > 0 {
		r.turn = int(b[0]&3) * 90
	}
}

// extension returns a header extension of a packet, nil if it is not there.
func (*Receiver) extension(p arrived, id uint8) []byte {
	if id == 0 || !p.Extension {
		return nil
	}
	return p.GetExtension(id)
}
