package ingest

// temporalLayer says where a picture stands in a temporal hierarchy in which
// no layer depends on a higher one.
type temporalLayer struct {
	known bool  // the rest is valid
	id    uint8 // 0 is the base layer
	sync  bool  // depends on nothing but the base layer picture numbered base
	base  uint8 // number of the newest base layer picture, this one included, modulo 256
}

const topLayer = 3 // the temporal layer ID of VP8 has two bits

// dependency decides which access units may be decoded after a loss: those of
// which it is certain that everything they depend on was handed out.
type dependency struct {
	broken  bool          // nothing may be decoded before a key frame
	suspect bool          // packets were lost; the next access unit tells how bad it is
	lost    int           // how many packets, at most
	last    temporalLayer // of the newest base layer picture
	intact  uint8         // the highest temporal layer of which nothing is missing
}

// lose says that up to n packets, or frames, are missing.
func (d *dependency) lose(n int) {
	d.suspect = true
	d.lost += n
	// A frame is at least a packet. Only with fewer losses than the range of
	// the base layer's number is that number proof of anything.
	if !d.last.known || d.lost >= 255 {
		d.broken = true
	}
}

// admit says whether the decoder may have the access unit, which it then gets.
func (d *dependency) admit(au *accessUnit) bool {
	if au.key {
		*d = dependency{last: au.layer, intact: topLayer}
		return true
	}
	if d.suspect && !d.broken {
		d.assess(au.layer)
	}
	if d.broken {
		return false
	}
	return d.admitLayer(au.layer)
}

// assess finds out from the first access unit after a loss what is missing.
func (d *dependency) assess(l temporalLayer) {
	due := d.last.base
	if l.id == 0 {
		due++
	}
	if !l.known || l.base != due {
		d.broken = true
		return
	}
	d.suspect, d.lost, d.intact = false, 0, 0
}

func (d *dependency) admitLayer(l temporalLayer) bool {
	switch {
	case l.id == 0:
		d.last = l
		return true
	case l.id <= d.intact:
		return true
	case !l.sync:
		return false
	case l.id == d.intact+1:
		d.intact = l.id
	}
	return true
}
