package ingest

import "encoding/binary"

// maxVP9Layers is how many frames a superframe can hold.
const maxVP9Layers = 8

// vp9 joins the packets of a VP9 picture (RFC 9628): one frame of each
// spatial layer, lowest first.
type vp9 struct {
	buf    frameBuffer
	ends   []int // where in buf the frames of the layers end
	inside bool  // between the first and the last packet of a frame
	sid    uint8 // spatial layer of the frame under way, or of the last one
	inter  bool  // the first frame is predicted from other pictures
	sizes  vp9Sizes
}

// vp9Sizes are the dimensions of the spatial layers that a picture announces.
type vp9Sizes struct{ width, height [maxVP9Layers]uint16 }

func newVP9(cfg depacketiserConfig) depacketiser {
	return &vp9{buf: frameBuffer{max: cfg.maxFrame}, ends: make([]int, 0, maxVP9Layers)}
}

func (d *vp9) add(payload []byte) error {
	desc, data, err := parseVP9Descriptor(payload)
	if err != nil {
		return err
	}
	if desc.start == d.inside {
		return errIncomplete
	}
	if desc.start {
		if err := d.startFrame(desc); err != nil {
			return err
		}
	} else if desc.sid != d.sid {
		return errIncomplete
	}
	if desc.structured {
		d.sizes = desc.sizes
	}
	if err := d.buf.append(data); err != nil {
		return err
	}
	if d.inside = !desc.end; desc.end {
		d.ends = append(d.ends, len(d.buf.data))
	}
	return nil
}

func (d *vp9) startFrame(desc vp9Descriptor) error {
	first := len(d.ends) == 0
	switch {
	case first && desc.upper: // predicted from a layer that is not there
		return errIncomplete
	case first:
		d.inter, d.sizes = desc.inter, vp9Sizes{}
	case desc.sid <= d.sid || len(d.ends) == maxVP9Layers:
		return errSyntax
	}
	d.sid = desc.sid
	return nil
}

func (d *vp9) take() (accessUnit, error) {
	if d.inside || len(d.ends) == 0 {
		d.drop()
		return accessUnit{}, errIncomplete
	}
	au := accessUnit{}
	err := parseVP9(&au, d.buf.data[:d.ends[0]])
	if au.key && d.inter {
		err = errSyntax
	}
	if w, h := d.sizes.width[d.sid], d.sizes.height[d.sid]; au.key && w > 0 && h > 0 {
		au.width, au.height = int(w), int(h)
	}
	if len(d.ends) > 1 {
		d.buf.data = appendSuperframeIndex(d.buf.data, d.ends)
	}
	au.data = d.buf.take()
	d.ends = d.ends[:0]
	return au, err
}

func (d *vp9) drop() {
	d.inside, d.ends = false, d.ends[:0]
	d.buf.take()
}

// appendSuperframeIndex makes a superframe of frames that end at ends: annex B
// of the VP9 bitstream specification.
func appendSuperframeIndex(data []byte, ends []int) []byte {
	const sizeBytes = 4
	marker := byte(0b110<<5 | (sizeBytes-1)<<3 | (len(ends) - 1))
	data = append(data, marker)
	start := 0
	for _, end := range ends {
		data = binary.LittleEndian.AppendUint32(data, uint32(end-start))
		start = end
	}
	return append(data, marker)
}

// parseVP9 reads the start of the uncompressed header: section 6.2 of the VP9
// bitstream specification.
func parseVP9(au *accessUnit, frame []byte) error {
	r := bitReader{data: frame}
	if r.bits(2) != 2 { // frame_marker
		return errSyntax
	}
	profile := r.bits(1) | r.bits(1)<<1
	if profile == 3 {
		r.bits(1)
	}
	if r.flag() { // show_existing_frame
		return nil
	}
	au.key = !r.flag()
	r.bits(2) // show_frame, error_resilient_mode
	if au.key {
		if r.bits(24) != 0x498342 { // frame_sync_code
			return errSyntax
		}
		skipVP9Color(&r, profile)
		au.width = int(r.bits(16)) + 1
		au.height = int(r.bits(16)) + 1
	}
	if r.short {
		return errShort
	}
	return nil
}

func skipVP9Color(r *bitReader, profile uint32) {
	const rgb = 7
	if profile >= 2 {
		r.bits(1) // ten_or_twelve_bit
	}
	subsampled := profile == 1 || profile == 3
	switch space := r.bits(3); {
	case space != rgb && subsampled:
		r.bits(4) // color_range, subsampling_x, subsampling_y, reserved
	case space != rgb || subsampled:
		r.bits(1) // color_range, or reserved
	}
}
