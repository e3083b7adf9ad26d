package ingest

// orient reads the video orientation that a packet may bring (3GPP TS 26.114
// section 7.4.5): of a byte the lowest two bits count the quarter turns
// clockwise that a receiver makes before display. It holds until the next.
func (r *Receiver) orient(p arrived) {
	if b := p.extension(r.cfg.Extensions.VideoOrientation); len(b) > 0 {
		r.turn = int(b[0]&3) * 90
	}
}

// extension returns a header extension of the packet, nil if it is not there.
func (a arrived) extension(id uint8) []byte {
	if id == 0 || !a.Extension {
		return nil
	}
	return a.GetExtension(id)
}
