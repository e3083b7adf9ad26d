package ingest

// vp9Descriptor is what is needed of the VP9 payload descriptor (RFC 9628
// section 4.2).
type vp9Descriptor struct {
	inter      bool  // P: predicted from other pictures
	start, end bool  // B, E: of a frame of one spatial layer
	sid        uint8 // spatial layer
	upper      bool  // D: predicted from the layer below
	structured bool  // V: sizes are valid
	sizes      vp9Sizes
}

// parseVP9Descriptor returns the descriptor and what follows it, at least one byte.
func parseVP9Descriptor(payload []byte) (vp9Descriptor, []byte, error) {
	r := byteReader{data: payload}
	flags := r.byte()
	has := func(bit byte) bool { return flags&bit != 0 }
	const i, p, l, f, b, e, v = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02
	d := vp9Descriptor{inter: has(p), start: has(b), end: has(e), structured: has(v)}
	if has(i) && r.byte()&0x80 != 0 { // picture ID of 15 bits
		r.byte()
	}
	if has(l) {
		layer := r.byte()
		d.sid, d.upper = layer>>1&7, layer&1 != 0
		if !has(f) {
			r.byte() // TL0PICIDX
		}
	}
	if has(f) && has(p) {
		skipReferences(&r)
	}
	if has(v) {
		d.sizes = readScalability(&r)
	}
	if r.short || len(r.data) == 0 {
		return d, nil, errShort
	}
	return d, r.data, nil
}

// skipReferences reads up to three P_DIFF; the lowest bit says that another follows.
func skipReferences(r *byteReader) {
	for range 3 {
		if r.byte()&1 == 0 {
			return
		}
	}
}

// readScalability reads the scalability structure.
func readScalability(r *byteReader) (s vp9Sizes) {
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
