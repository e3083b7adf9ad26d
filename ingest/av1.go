package ingest

import (
	"bytes"

	av1spec "github.com/Eyevinn/mp4ff/av1"
)

// Types of OBUs: AV1 bitstream specification section 6.2.2.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuFrameHeader       = 3
	obuFrame             = 6
	obuTileList          = 8
)

// maxSequenceHeader bounds what is kept of a sequence header, in bytes.
const maxSequenceHeader = 1024

// av1 joins the packets of an AV1 temporal unit ("RTP Payload Format For AV1",
// version 1.0, section 4).
type av1 struct {
	buf      frameBuffer
	fragment frameBuffer // an OBU that goes on in the next packet
	cut      bool        // there is one

	raw      []byte // the last sequence header
	sequence av1spec.SequenceHeader

	sequenced bool // this temporal unit has a sequence header
	framed    bool // and a frame header
	key       bool // that of a key frame
}

func newAV1(cfg depacketiserConfig) depacketiser {
	return &av1{buf: frameBuffer{max: cfg.maxFrame}, fragment: frameBuffer{max: cfg.maxFrame}}
}

// add reads the aggregation header and the OBU elements. All but the last
// have a length, and the last too if their number (W) is given as zero.
func (d *av1) add(payload []byte) error {
	head, rest := payload[0], payload[1:]
	continues, cut, count := head&0x80 != 0, head&0x40 != 0, int(head>>4&3)
	if continues != d.cut {
		return errIncomplete
	}
	n := 0
	for ; len(rest) > 0; n++ {
		element := rest
		rest = nil
		if count == 0 || n < count-1 {
			size, after, err := readLEB128(element)
			if err != nil || size > len(after) {
				return errShort
			}
			element, rest = after[:size], after[size:]
		}
		if err := d.addElement(element, cut && len(rest) == 0); err != nil {
			return err
		}
	}
	if n == 0 || count != 0 && n != count {
		return errShort
	}
	return nil
}

// addElement takes an OBU, or a piece of one, of which the rest follows if cut.
func (d *av1) addElement(element []byte, cut bool) error {
	if cut || d.cut {
		if err := d.fragment.append(element); err != nil {
			return err
		}
		if d.cut = cut; cut {
			return nil
		}
		element = d.fragment.take()
	}
	if len(element) == 0 {
		return nil
	}
	return d.addOBU(element)
}

// addOBU appends an OBU in the low-overhead format: with its size (AV1
// bitstream specification section 5.3).
func (d *av1) addOBU(obu []byte) error {
	const extended, sized = 0x04, 0x02
	head := 1
	if obu[0]&extended != 0 {
		head = 2
	}
	if len(obu) < head {
		return errShort
	}
	body := obu[head:]
	if obu[0]&sized != 0 {
		size, after, err := readLEB128(body)
		if err != nil || size > len(after) {
			return errShort
		}
		body = after[:size]
	}
	kind := obu[0] >> 3 & 0xf
	if obu[0]&0x80 != 0 { // obu_forbidden_bit
		return errSyntax
	}
	if kind == obuTemporalDelimiter || kind == obuTileList {
		return nil
	}
	if err := d.inspect(kind, body); err != nil {
		return err
	}
	if len(d.buf.data) == 0 {
		d.buf.data = append(d.buf.data, obuTemporalDelimiter<<3|sized, 0)
	}
	var prefix [8]byte
	p := append(prefix[:0], obu[:head]...)
	p[0] |= sized
	if err := d.buf.append(appendLEB128(p, len(body))); err != nil {
		return err
	}
	return d.buf.append(body)
}

// inspect notes what the temporal unit is made of.
func (d *av1) inspect(kind byte, body []byte) error {
	switch {
	case kind == obuSequenceHeader:
		d.sequenced = true
		return d.learn(body)
	case !d.framed && (kind == obuFrame || kind == obuFrameHeader):
		if len(body) == 0 {
			return errShort
		}
		d.framed = true
		// show_existing_frame 0, frame_type 0 (KEY_FRAME), show_frame 1
		d.key = d.sequence.ReducedStillPictureHeader || body[0]>>4 == 0b0001
	}
	return nil
}

// learn keeps a sequence header and what it says.
func (d *av1) learn(body []byte) error {
	if len(body) == 0 || len(body) > maxSequenceHeader {
		return errSyntax
	}
	if bytes.Equal(body, d.raw) {
		return nil
	}
	h, err := av1spec.ParseSequenceHeader(body)
	if err != nil {
		return errSyntax
	}
	d.raw, d.sequence = bytes.Clone(body), *h
	return nil
}

// take returns the temporal unit. A key frame needs its sequence header with
// it, which also shows that the temporal unit has its beginning.
func (d *av1) take() (accessUnit, error) {
	if d.cut {
		d.drop()
		return accessUnit{}, errIncomplete
	}
	au := accessUnit{data: d.buf.take(), key: d.key && d.sequenced}
	if au.key {
		au.width, au.height = int(d.sequence.Width()), int(d.sequence.Height())
	}
	d.sequenced, d.framed, d.key = false, false, false
	return au, nil
}

func (d *av1) drop() {
	d.buf.take()
	d.fragment.take()
	d.cut, d.sequenced, d.framed, d.key = false, false, false, false
}

// readLEB128 reads a number of at most 32 bits (AV1 bitstream specification
// section 4.10.5) and returns it with what follows.
func readLEB128(p []byte) (int, []byte, error) {
	v := uint64(0)
	for i := 0; i < 8 && i < len(p); i++ {
		v |= uint64(p[i]&0x7f) << (7 * i)
		if p[i]&0x80 == 0 {
			if v > 1<<32-1 {
				return 0, nil, errSyntax
			}
			return int(v), p[i+1:], nil
		}
	}
	return 0, nil, errShort
}

func appendLEB128(p []byte, v int) []byte {
	for ; v >= 0x80; v >>= 7 {
		p = append(p, byte(v)|0x80)
	}
	return append(p, byte(v))
}
