package ingest

import (
	"bytes"

	av1spec "github.com/Eyevinn/mp4ff/av1"

	"github.com/callreel/callreel/internal/timebase"
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
// version 1.0, section 4): one frame of each spatial layer, or, if the stream
// has layers but no dependency descriptors, the OBUs of each.
type av1 struct {
	buf      frameBuffer
	fragment frameBuffer // an OBU that goes on in the next packet
	cut      bool        // there is one

	raw      []byte // the last sequence header
	sequence av1spec.SequenceHeader

	sequenced bool // this temporal unit has a sequence header
	framed    bool // and a frame header
	key       bool // that of a key frame

	frames    []frame // those that are whole
	open      frame   // the one under way
	described bool    // the temporal unit has dependency descriptors
	inside    bool    // between the first and the last packet of a described frame
	structure structure
	numbers   timebase.Unwrapper
}

func newAV1(cfg depacketiserConfig) depacketiser {
	return &av1{
		buf: frameBuffer{max: cfg.maxFrame}, fragment: frameBuffer{max: cfg.maxFrame},
		frames: make([]frame, 0, maxFrames), numbers: timebase.Unwrapper{Bits: 16},
	}
}

func (d *av1) add(payload, extension []byte) error {
	desc, described := d.structure.parse(extension)
	if err := d.follow(&desc, described); err != nil {
		return err
	}
	if err := d.addPayload(payload); err != nil {
		return err
	}
	if described && desc.end {
		return d.endFrame()
	}
	return nil
}

// follow checks that a packet goes on where the last one ended, by its
// descriptor, and begins a frame.
func (d *av1) follow(desc *descriptor, described bool) error {
	switch {
	case len(d.buf.data) == 0 && len(d.fragment.data) == 0 && !d.described:
		d.described = described
	case described != d.described:
		return errIncomplete
	}
	if !described {
		return nil
	}
	if desc.start == d.inside {
		return errIncomplete
	}
	d.inside = true
	if desc.start {
		d.open = desc.frame(&d.numbers)
	}
	return nil
}

// endFrame notes the frame that just ended.
func (d *av1) endFrame() error {
	d.inside = false
	d.open.end = len(d.buf.data)
	switch n := len(d.frames); {
	case d.cut:
		return errIncomplete
	case d.open.end == d.start() || n == maxFrames || n > 0 && d.open.spatial < d.frames[n-1].spatial:
		return errSyntax
	}
	d.frames = append(d.frames, d.open)
	return nil
}

// start is where the open frame begins in buf.
func (d *av1) start() int {
	if len(d.frames) == 0 {
		return 0
	}
	return d.frames[len(d.frames)-1].end
}

// addPayload reads the aggregation header and the OBU elements. All but the
// last have a length, and the last too if their number (W) is given as zero.
func (d *av1) addPayload(payload []byte) error {
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
		if len(d.buf.data)+len(d.fragment.data)+len(element) > d.buf.max {
			return errFrameSize
		}
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
	if err := d.assign(obu[:head]); err != nil {
		return err
	}
	if err := d.inspect(kind, body); err != nil {
		return err
	}
	if len(d.buf.data) == 0 {
		d.buf.data = append(d.buf.data, delimiter...)
	}
	var prefix [8]byte
	p := append(prefix[:0], obu[:head]...)
	p[0] |= sized
	if err := d.buf.append(appendLEB128(p, len(body))); err != nil {
		return err
	}
	return d.buf.append(body)
}

// delimiter is the OBU that begins every temporal unit.
const delimiter = "\x12\x00"

// assign finds the layer of an OBU by its header where there are no descriptors.
func (d *av1) assign(header []byte) error {
	if d.described || len(header) < 2 {
		return nil
	}
	temporal, spatial := header[1]>>5, header[1]>>3&3
	if d.framed && spatial != d.open.spatial {
		if err := d.endFrame(); err != nil {
			return err
		}
	}
	d.open.spatial, d.open.temporal.id = spatial, temporal
	// No layer depends on a higher one; that much the specification says.
	d.open.upper = spatial > 0
	return nil
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
	if !d.described && len(d.buf.data) > 0 {
		if err := d.endFrame(); err != nil {
			d.drop()
			return accessUnit{}, err
		}
	}
	if d.cut || d.inside || len(d.frames) == 0 && d.described {
		d.drop()
		return accessUnit{}, errIncomplete
	}
	au := accessUnit{data: d.buf.take(), head: len(delimiter), frames: d.frames, key: d.key && d.sequenced}
	if n := len(au.frames); au.key && au.frames[n-1].width == 0 {
		au.frames[n-1].width, au.frames[n-1].height = int(d.sequence.Width()), int(d.sequence.Height())
	}
	d.reset()
	return au, nil
}

// hole keeps the frames that are whole, which only descriptors tell.
func (d *av1) hole() bool {
	if !d.described {
		return false
	}
	if len(d.frames) == 0 {
		d.sequenced, d.framed, d.key = false, false, false
	}
	d.buf.data = d.buf.data[:d.start()]
	d.fragment.take()
	d.cut, d.inside = false, false
	return true
}

func (d *av1) drop() {
	d.buf.take()
	d.fragment.take()
	d.reset()
}

func (d *av1) reset() {
	d.frames, d.open = d.frames[:0], frame{}
	d.cut, d.inside, d.described, d.sequenced, d.framed, d.key = false, false, false, false, false, false
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
