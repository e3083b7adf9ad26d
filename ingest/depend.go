package ingest

// temporalLayer says where a frame stands in a temporal hierarchy in which no
// layer depends on a higher one.
type temporalLayer struct {
	known bool  // base is valid
	id    uint8 // 0 is the base layer
	sync  bool  // depends on nothing but the newest base layer frame (VP8: Y)
	up    bool  // what follows in higher layers depends on none of them before (VP9: U)
	base  uint8 // number of the newest base layer picture, this one included, modulo 256
}

const topLayer = 7 // layer IDs have at most three bits

// dependency decides which frames of one spatial layer may be decoded after a
// loss where the stream does not tell what each refers to: those of which it
// is certain that everything they depend on was handed out.
type dependency struct {
	broken  bool          // nothing may be decoded before a key frame
	suspect bool          // packets were lost; the next frame tells how bad it is
	lost    int           // how many packets, at most
	last    temporalLayer // of the newest base layer frame
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

// restart begins anew with a frame that depends on no earlier picture.
func (d *dependency) restart(l temporalLayer) { *d = dependency{last: l, intact: topLayer} }

// admit says whether the decoder may have the frame, which it then gets.
func (d *dependency) admit(l temporalLayer) bool {
	d.assess(l)
	if d.broken || !d.admitLayer(l) {
		return false
	}
	if l.up && l.id <= d.intact {
		d.intact = topLayer
	}
	return true
}

// assess finds out from the first frame after a loss what is missing.
func (d *dependency) assess(l temporalLayer) {
	if !d.suspect || d.broken {
		return
	}
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

// leave says that the decoder does not get the frame.
func (d *dependency) leave(l temporalLayer) {
	d.assess(l)
	if l.id == 0 {
		d.broken = true
		return
	}
	d.intact = min(d.intact, l.id-1)
}
