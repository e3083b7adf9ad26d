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
	// add takes the payload of the next packet, at least one byte. After an
	// error the caller skips the rest of the access unit and calls drop.
	add(payload []byte) error
	// take ends the access unit. Its data is valid until add is called. No
	// data and no error means that there is nothing to decode yet.
	take() (accessUnit, error)
	// drop forgets the open access unit. Packets are missing, here or before.
	drop()
}

type depacketiserConfig struct {
	fmtp     string // format parameters of the SDP
	maxFrame int    // bytes
}

// accessUnit is what decodes to one picture.
type accessUnit struct {
	data          []byte
	key           bool
	discardable   bool
	width, height int // zero if not known
	layer         temporalLayer
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
