package ingest

// Types of NAL units: ISO/IEC 14496-10 table 7-1 and RFC 6184 table 1.
const (
	nalPartB  = 3
	nalPartC  = 4
	nalIDR    = 5 // the last one that is part of a picture
	nalSPS    = 7
	nalPPS    = 8
	nalAUD    = 9
	nalFiller = 12
	nalSingle = 23 // the last type that stands for itself
	nalSTAPA  = 24
	nalFUA    = 28
)

// h264 joins the packets of an H.264 access unit (RFC 6184, packetization
// modes 0 and 1) and gives every IDR picture its parameter sets.
type h264 struct {
	buf  frameBuffer
	sets parameterSets

	cut  bool // a NAL unit goes on in the next packet
	kind byte // its type
	skip bool // it is not kept
	nal  int  // where it starts in buf, after the start code

	pictured  bool // the access unit has a slice
	referred  bool // that other pictures may depend on
	idr       bool
	pps       uint32 // parameter set of the IDR picture
	sps, ppss bool   // it has parameter sets of its own
	frame     [1]frame
}

func newH264(cfg depacketiserConfig) depacketiser {
	return &h264{
		buf:  frameBuffer{max: cfg.maxFrame},
		sets: parseSprop(cfg.fmtp),
	}
}

func (d *h264) add(payload, _ []byte) error {
	kind := payload[0] & 0x1f
	switch {
	case payload[0]&0x80 != 0: // forbidden_zero_bit
		return errSyntax
	case kind == nalFUA:
		return d.addFragment(payload)
	case d.cut:
		return errIncomplete
	case kind == nalSTAPA:
		return d.addAggregate(payload[1:])
	case kind >= 1 && kind <= nalSingle:
		return d.addNAL(payload)
	}
	return errUnsupported
}

// addAggregate takes the NAL units of a STAP-A: RFC 6184 section 5.7.1.
func (d *h264) addAggregate(p []byte) error {
	if len(p) == 0 {
		return errShort
	}
	for len(p) > 0 {
		if len(p) < 2 {
			return errShort
		}
		size := int(p[0])<<8 | int(p[1])
		if p = p[2:]; size == 0 || size > len(p) {
			return errShort
		}
		if kind := p[0] & 0x1f; kind == 0 || kind > nalSingle {
			return errSyntax
		}
		if err := d.addNAL(p[:size]); err != nil {
			return err
		}
		p = p[size:]
	}
	return nil
}

// addFragment takes a FU-A: RFC 6184 section 5.8.
func (d *h264) addFragment(p []byte) error {
	if len(p) < 2 {
		return errShort
	}
	first, last, kind := p[1]&0x80 != 0, p[1]&0x40 != 0, p[1]&0x1f
	if first == d.cut || d.cut && kind != d.kind {
		return errIncomplete
	}
	if kind == 0 || kind > nalSingle {
		return errSyntax
	}
	if first {
		if err := d.begin(p[0]&0x60|kind, p[2:]); err != nil {
			return err
		}
	}
	if err := d.extend(p[2:]); err != nil {
		return err
	}
	if d.cut = !last; last {
		return d.end()
	}
	return nil
}

func (d *h264) addNAL(p []byte) error {
	if err := d.begin(p[0], p[1:]); err != nil {
		return err
	}
	if err := d.extend(p[1:]); err != nil {
		return err
	}
	return d.end()
}

// begin starts a NAL unit, of which the first bytes after its header are known.
// Delimiters and filler are left out.
func (d *h264) begin(header byte, body []byte) error {
	d.kind = header & 0x1f
	d.skip = d.kind == nalAUD || d.kind == nalFiller
	if d.skip {
		return nil
	}
	if d.kind <= nalIDR {
		if err := d.beginSlice(header, body); err != nil {
			return err
		}
	}
	if err := d.buf.append([]byte{0, 0, 0, 1, header}); err != nil {
		return err
	}
	d.nal = len(d.buf.data) - 1
	return nil
}

// beginSlice looks at the slice header (ISO/IEC 14496-10 section 7.3.3). A
// picture whose first slice does not begin with the first macroblock lacks it.
func (d *h264) beginSlice(header byte, body []byte) error {
	d.referred = d.referred || header&0x60 != 0
	if d.pictured || d.kind == nalPartB || d.kind == nalPartC {
		return nil
	}
	r := bitReader{data: body}
	if r.ue() != 0 { // first_mb_in_slice
		return errIncomplete
	}
	r.ue() // slice_type
	d.pps = r.ue()
	if r.short {
		return errShort
	}
	d.pictured = true
	if d.idr = d.kind == nalIDR; d.idr {
		return d.addSets()
	}
	return nil
}

// addSets puts the parameter sets that are known before an IDR picture that
// does not have its own.
func (d *h264) addSets() error {
	if !d.sps {
		if err := d.sets.appendSPS(&d.buf); err != nil {
			return err
		}
	}
	if !d.ppss {
		return d.sets.appendPPS(&d.buf)
	}
	return nil
}

func (d *h264) extend(body []byte) error {
	if d.skip {
		return nil
	}
	return d.buf.append(body)
}

// end learns the NAL unit if it is a parameter set.
func (d *h264) end() error {
	if d.skip {
		return nil
	}
	switch nal := d.buf.data[d.nal:]; d.kind {
	case nalSPS:
		d.sps = true
		return d.sets.learnSPS(nal)
	case nalPPS:
		d.ppss = true
		return d.sets.learnPPS(nal)
	}
	return nil
}

// take returns the access unit. Parameter sets that came alone stay for the next.
func (d *h264) take() (accessUnit, error) {
	if d.cut {
		d.drop()
		return accessUnit{}, errIncomplete
	}
	if !d.pictured {
		return accessUnit{}, nil
	}
	au := accessUnit{discardable: !d.referred, frames: d.frame[:]}
	d.frame[0] = frame{temporal: h264Layer(d.referred)}
	var err error
	if d.idr {
		err = d.checkIDR(&au)
	}
	au.data = d.buf.take()
	d.frame[0].end = len(au.data)
	d.forget()
	return au, err
}

// h264Layer makes temporal layers of what is referred to (nal_ref_idc, ISO/IEC
// 14496-10 section 7.4.1), and of what is not and so can go at any time.
func h264Layer(referred bool) temporalLayer {
	if referred {
		return temporalLayer{}
	}
	return temporalLayer{id: 1, sync: true}
}

func (*h264) hole() bool { return false }

// checkIDR makes the access unit a key frame if its parameter sets can be trusted.
func (d *h264) checkIDR(au *accessUnit) error {
	sps, ok := d.sets.of(d.pps)
	if !ok {
		return errIncomplete
	}
	au.frames[0].width, au.frames[0].height = sps.width, sps.height
	au.key = d.sets.trusted(d.sps && d.ppss)
	return nil
}

func (d *h264) drop() {
	d.buf.take()
	d.forget()
	d.sets.stale = true
}

func (d *h264) forget() {
	d.cut, d.pictured, d.referred, d.idr, d.sps, d.ppss = false, false, false, false, false, false
}
