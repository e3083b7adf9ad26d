package codec

import "encoding/binary"

// Types of OBUs: AV1 bitstream specification section 6.2.2.
const (
	frameHeader = 3
	frame       = 6
)

// maxOBUFrames is how many frames a temporal unit may have, shown or not.
const maxOBUFrames = 16

// tooMany reports whether an AV1 temporal unit has more frames than that: they
// would all be decoded at once, be they ever so small.
func tooMany(unit []byte) bool {
	frames := 0
	for pos := 0; pos < len(unit) && frames <= maxOBUFrames; {
		o, ok := readOBU(unit[pos:])
		if !ok {
			break
		}
		if o.kind == frameHeader || o.kind == frame {
			frames++
		}
		pos += o.size
	}
	return frames > maxOBUFrames
}

// firstLayer returns the beginning of an AV1 temporal unit, up to where a frame
// of another spatial layer begins: libavcodec's wrapper of libdav1d brings out
// one picture per packet and keeps the others for the next packets. What is not
// in the low-overhead format with sizes (AV1 bitstream specification section
// 5.3) is returned as it is.
func firstLayer(unit []byte) []byte {
	framed, layer := false, byte(0)
	for pos := 0; pos < len(unit); {
		o, ok := readOBU(unit[pos:])
		if !ok {
			return unit
		}
		if o.kind == frameHeader || o.kind == frame {
			if framed && o.spatial != layer {
				return unit[:pos]
			}
			framed, layer = true, o.spatial
		}
		pos += o.size
	}
	return unit
}

// obu is an OBU by its header.
type obu struct {
	kind, spatial byte
	size          int // with the header
}

func readOBU(b []byte) (o obu, ok bool) {
	const extended, sized = 0x04, 0x02
	if b[0]&sized == 0 {
		return o, false
	}
	head := 1
	if b[0]&extended != 0 && len(b) > 1 {
		o.spatial, head = b[1]>>3&3, 2
	}
	n, length := binary.Uvarint(b[head:])
	if length <= 0 || n > uint64(len(b)-head-length) {
		return o, false
	}
	o.kind, o.size = b[0]>>3&15, head+length+int(n)
	return o, true
}
