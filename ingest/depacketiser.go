package ingest

import "errors"

// What can be wrong with a payload. The owner of a track sees only that it is counted.
var (
	errShort       = errors.New("payload ends early")
	errSyntax      = errors.New("payload breaks the rules of its format")
	errUnsupported = errors.New("payload needs a feature that is not supported")
	errIncomplete  = errors.New("access unit lacks its beginning or its end")
	errFrameSize   = errors.New("access unit is too big")
)

// A depacketiser joins the payloads of the packets of one access unit (H.264),
// frame (VP8), picture with all its spatial layers (VP9) or temporal unit (AV1).
// The receiver puts packets in order and finds where access units end.
type depacketiser interface {
	// add takes the payload of the next packet, at least one byte, and its
	// dependency descriptor, if any. After an error the caller calls hole, or
	// skips the rest of the access unit and calls drop.
	add(payload, descriptor []byte) error
	// take ends the access unit. Its data and frames are valid until add is
	// called. No frames and no error means that there is nothing to decode yet.
	take() (accessUnit, error)
	// hole says that packets of the access unit are missing here. It reports
	// whether the frames that are whole, before and after, can be of use.
	hole() bool
	// drop forgets the open access unit. Packets are missing, here or before.
	drop()
}

type depacketiserConfig struct {
	fmtp     string // format parameters of the SDP
	maxFrame int    // bytes
}

// maxFrames is how many frames of spatial layers an access unit may have.
const maxFrames = 8

// accessUnit is what decodes to one picture: one frame of each spatial layer,
// lowest first.
type accessUnit struct {
	data        []byte
	head        int // bytes before the first frame that go with any of them
	frames      []frame
	superframe  bool // several frames need a superframe index (VP9)
	key         bool // the first frame is a key frame
	discardable bool
}

// frame is a coded frame of one spatial layer.
type frame struct {
	end           int // of its bytes in the data of the access unit
	width, height int // zero if not known
	spatial       uint8
	upper         bool // depends on the layer below in the same access unit
	fresh         bool // depends on no other access unit
	temporal      temporalLayer
	refs          references
}

// layerSizes are the dimensions of spatial layers that a stream announces, zero
// for those that it does not.
type layerSizes struct{ width, height [maxFrames]uint16 }

// join appends the frames in the set, of which bit i is frames[i], to data, which
// has room for all of them and superframeIndexSize.
func (au *accessUnit) join(data []byte, set uint8) []byte {
	if len(au.frames) == 1 {
		return append(data, au.data...)
	}
	ends := make([]int, 0, maxFrames)
	data = append(data, au.data[:au.head]...)
	start := au.head
	for i := range au.frames {
		end := au.frames[i].end
		if set&(1<<i) != 0 {
			data = append(data, au.data[start:end]...)
			ends = append(ends, len(data))
		}
		start = end
	}
	if au.superframe && len(ends) > 1 {
		data = appendSuperframeIndex(data, ends)
	}
	return data
}

// frameBuffer collects an access unit. Its memory is reused.
type frameBuffer struct {
	data []byte
	max  int
}

// keepCap is how many bytes of memory a frame buffer keeps from one access unit to the next.
const keepCap = 1 << 20

func (b *frameBuffer) append(p []byte) error {
	if len(b.data)+len(p) > b.max {
		return errFrameSize
	}
	b.data = append(b.data, p...)
	return nil
}

// take empties the buffer. The result is valid until append is called.
func (b *frameBuffer) take() []byte {
	data := b.data
	b.data = b.data[:0]
	if cap(b.data) > keepCap {
		b.data = nil
	}
	return data
}
