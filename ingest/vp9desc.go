package ingest

// vp9Descriptor is what is needed of the VP9 payload descriptor (RFC 9628
// section 4.2).
type vp9Descriptor struct {
	inter      bool  // P: predicted from other pictures
	start, end bool  // B, E: of a frame of one spatial layer
	sid        uint8 // spatial layer
	upper      bool  // D: predicted from the layer below
	temporal   temporalLayer
	idBits     uint // of the picture ID: 7 or 15, zero without one
	id         uint16
	flexible   bool // F: diffs are valid
	count      int
	diffs      [3]uint8 // P_DIFF
	structured bool     // V: sizes are valid
	sizes      layerSizes
}

// parseVP9Descriptor returns the descriptor and what follows it, at least one byte.
func parseVP9Descriptor(payload []byte) (vp9Descriptor, []byte, error) {
	r := byteReader{data: payload}
	flags := r.byte()
	has := func(bit byte) bool { return flags&bit != 0 }
	const i, p, l, f, b, e, v = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02
	d := vp9Descriptor{inter: has(p), start: has(b), end: has(e), flexible: has(f), structured: has(v)}
	if has(i) {
		d.readID(&r)
	}
	if has(l) {
		d.readLayer(&r)
	}
	if has(f) && has(p) {
		d.readReferences(&r)
	}
	if has(v) {
		d.sizes = readScalability(&r)
	}
	if r.short || len(r.data) == 0 {
		return d, nil, errShort
	}
	return d, r.data, nil
}

func (d *vp9Descriptor) readID(r *byteReader) {
	id := r.byte()
	d.id, d.idBits = uint16(id&0x7f), 7
	if id&0x80 != 0 {
		d.id, d.idBits = d.id<<8|uint16(r.byte()), 15
	}
}

// readLayer reads the layer indices, and TL0PICIDX in non-flexible mode.
func (d *vp9Descriptor) readLayer(r *byteReader) {
	layer := r.byte()
	d.sid, d.upper = layer>>1&7, layer&1 != 0
	d.temporal = temporalLayer{id: layer >> 5, up: layer&0x10 != 0}
	if !d.flexible {
		d.temporal.known, d.temporal.base = true, r.byte()
	}
}

// readReferences reads up to three P_DIFF; the lowest bit says that another follows.
func (d *vp9Descriptor) readReferences(r *byteReader) {
	for more := true; more && d.count < len(d.diffs); d.count++ {
		b := r.byte()
		d.diffs[d.count], more = b>>1, b&1 != 0
	}
}

// readScalability reads the scalability structure.
func readScalability(r *byteReader) (s layerSizes) {
	head := r.byte()
	if head&0x10 != 0 { // Y: sizes follow
		for i := range head>>5 + 1 {
			s.width[i] = uint16(r.byte())<<8 | uint16(r.byte())
			s.height[i] = uint16(r.byte())<<8 | uint16(r.byte())
		}
	}
	if head&0x08 != 0 { // G: a picture group follows
		for range r.byte() {
			for range r.byte() >> 2 & 3 {
				r.byte()
			}
		}
	}
	return s
}

// byteReader reads from the front of data. Beyond the end it gives zeros and
// sets short.
type byteReader struct {
	data  []byte
	short bool
}

func (r *byteReader) byte() byte {
	if len(r.data) == 0 {
		r.short = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}
