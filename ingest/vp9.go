package ingest

import (
	"cmp"
	"encoding/binary"

	"github.com/callreel/callreel/internal/timebase"
)

// vp9 joins the packets of a VP9 picture (RFC 9628): one frame of each
// spatial layer, lowest first.
type vp9 struct {
	buf    frameBuffer
	frames []frame       // those that are whole
	inside bool          // between the first and the last packet of a frame
	desc   vp9Descriptor // of the first packet of the open frame
	sizes  layerSizes    // that the picture announces
	holed  bool          // packets of the picture are missing
	key    bool          // its first frame is a key frame
	tied   bool          // a frame depends on whatever was decoded before it
	ids    timebase.Unwrapper
	id     int64 // of the picture, if it has one
}

func newVP9(cfg depacketiserConfig) depacketiser {
	return &vp9{buf: frameBuffer{max: cfg.maxFrame}, frames: make([]frame, 0, maxFrames)}
}

func (d *vp9) add(payload, _ []byte) error {
	desc, data, err := parseVP9Descriptor(payload)
	if err != nil {
		return err
	}
	if desc.start == d.inside {
		return errIncomplete
	}
	if desc.start {
		if err := d.startFrame(&desc); err != nil {
			return err
		}
	} else if desc.sid != d.desc.sid {
		return errIncomplete
	}
	if desc.structured {
		d.sizes = desc.sizes
	}
	if err := d.buf.append(data); err != nil {
		return err
	}
	if d.inside = !desc.end; desc.end {
		return d.endFrame()
	}
	return nil
}

func (d *vp9) startFrame(desc *vp9Descriptor) error {
	first := len(d.frames) == 0
	switch {
	case first && desc.upper: // predicted from a layer that is not there
		return errIncomplete
	case first:
		d.sizes = layerSizes{}
	case desc.sid <= d.frames[len(d.frames)-1].spatial:
		return errSyntax
	}
	d.desc = *desc
	if desc.idBits > 0 {
		if d.ids.Bits != desc.idBits {
			d.ids = timebase.Unwrapper{Bits: desc.idBits}
		}
		d.id = d.ids.Unwrap(uint32(desc.id))
	}
	return nil
}

// endFrame notes the frame that just ended.
func (d *vp9) endFrame() error {
	h, err := parseVP9(d.buf.data[d.start():])
	if err != nil {
		return err
	}
	if h.key && d.desc.inter {
		return errSyntax
	}
	if len(d.frames) == 0 {
		d.key = h.key
	}
	d.tied = d.tied || !h.intra && !h.resilient
	f := frame{
		end: len(d.buf.data), width: h.width, height: h.height,
		spatial: d.desc.sid, upper: d.desc.upper, temporal: d.desc.temporal,
		fresh: !d.desc.inter && (d.desc.upper || h.intra),
	}
	if d.desc.inter || f.fresh {
		f.refs = d.references()
	}
	d.frames = append(d.frames, f)
	return nil
}

// references returns what the open frame refers to if the stream is in
// flexible mode. Pictures are maxFrames apart in the numbers of frames.
func (d *vp9) references() references {
	desc := &d.desc
	refs := references{known: desc.flexible && desc.idBits > 0, number: d.id*maxFrames + int64(desc.sid)}
	if desc.upper {
		refs.known = refs.known && refs.add(1)
	}
	for _, diff := range desc.diffs[:desc.count] {
		refs.known = refs.known && refs.add(int(diff)*maxFrames)
	}
	return refs
}

// start is where the open frame begins in buf.
func (d *vp9) start() int {
	if len(d.frames) == 0 {
		return 0
	}
	return d.frames[len(d.frames)-1].end
}

func (d *vp9) take() (accessUnit, error) {
	if d.inside || len(d.frames) == 0 || d.tied && d.holed {
		d.drop()
		return accessUnit{}, errIncomplete
	}
	for i := range d.frames {
		f := &d.frames[i]
		if w, h := d.sizes.width[f.spatial], d.sizes.height[f.spatial]; w > 0 && h > 0 {
			f.width, f.height = int(w), int(h)
		}
	}
	if d.tied {
		d.merge()
	}
	au := accessUnit{data: d.buf.take(), frames: d.frames, superframe: true, key: d.key}
	d.reset()
	return au, nil
}

// merge makes one frame of the picture, in no layer. Frames without
// error_resilient_mode go on with probabilities and motion vectors of the frame
// decoded before them (sections 7.2 and 6.1.2 of the VP9 bitstream
// specification), whatever the descriptor says, so none can be left out.
func (d *vp9) merge() {
	first, last := d.frames[0], d.frames[len(d.frames)-1]
	if len(d.frames) > 1 {
		var ends [maxFrames]int
		for i, f := range d.frames {
			ends[i] = f.end
		}
		d.buf.data = appendSuperframeIndex(d.buf.data, ends[:len(d.frames)])
	}
	d.frames = append(d.frames[:0], frame{
		end: len(d.buf.data), width: cmp.Or(last.width, first.width), height: cmp.Or(last.height, first.height),
		spatial: first.spatial, fresh: first.fresh,
	})
}

// hole keeps the frames that are whole.
func (d *vp9) hole() bool {
	d.buf.data = d.buf.data[:d.start()]
	d.inside, d.holed = false, true
	return true
}

func (d *vp9) drop() {
	d.buf.take()
	d.reset()
}

func (d *vp9) reset() {
	d.frames = d.frames[:0]
	d.inside, d.holed, d.key, d.tied = false, false, false, false
}

// superframeIndexSize is the most that an index takes.
const superframeIndexSize = 2 + 4*maxFrames

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

// vp9Header is the start of a frame's uncompressed header.
type vp9Header struct {
	key, intra    bool
	resilient     bool // error_resilient_mode
	width, height int  // of a key frame
}

// parseVP9 reads section 6.2 of the VP9 bitstream specification.
func parseVP9(frame []byte) (h vp9Header, err error) {
	r := bitReader{data: frame}
	if r.bits(2) != 2 { // frame_marker
		return h, errSyntax
	}
	profile := r.bits(1) | r.bits(1)<<1
	if profile == 3 {
		r.bits(1)
	}
	if r.flag() { // show_existing_frame
		return h, nil
	}
	h.key = !r.flag()
	shown := r.flag()
	h.resilient = r.flag()
	h.intra = h.key || !shown && r.flag()
	if h.key {
		if r.bits(24) != 0x498342 { // frame_sync_code
			return h, errSyntax
		}
		skipVP9Color(&r, profile)
		h.width = int(r.bits(16)) + 1
		h.height = int(r.bits(16)) + 1
	}
	if r.short {
		return h, errShort
	}
	return h, nil
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
