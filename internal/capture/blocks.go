package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

const (
	maxBlock      = 256 << 10 // bytes of a block that is read; others are passed over
	maxInterfaces = 1024      // of a section
	maxResolution = 18        // digits of a second
)

// errCut says that the file ends within a block.
var errCut = errors.New("capture: cut off")

// link is an interface of a section.
type link struct {
	kind   uint16
	rate   timebase.Rate // of its times in Hz; 0 if it can't be used
	offset int64         // seconds
}

// blocks reads the packets of a pcapng file, in either byte order and of any
// number of sections and interfaces. Blocks that it does not know are passed over.
type blocks struct {
	r     *bufio.Reader
	order binary.ByteOrder // nil before the first section
	links []link
	spare []byte
}

// packet is a raw IP packet.
type packet struct {
	time time.Time
	data []byte
}

// next returns the next IP packet that is there as a whole. The error is io.EOF
// at the end of the file, errCut if that is within a block.
func (b *blocks) next() (packet, error) {
	for {
		kind, size, err := b.head()
		if err != nil {
			return packet{}, err
		}
		switch kind {
		case blockSection:
			b.links = nil
			err = b.skip(size)
		case blockInterface:
			err = b.addLink(size)
		case blockPacket:
			p, ok, err := b.packet(size)
			if ok || err != nil {
				return p, err
			}
		default:
			err = b.skip(size)
		}
		if err != nil {
			return packet{}, err
		}
	}
}

// head reads the type of the next block, and how much follows of it.
func (b *blocks) head() (kind uint32, rest int64, err error) {
	head, err := b.r.Peek(blockFrame) // no block is smaller
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return 0, 0, io.EOF
	case err != nil:
		return 0, 0, b.ended(err)
	}
	if binary.LittleEndian.Uint32(head) == blockSection { // the same in both orders
		if err := b.begin(head); err != nil {
			return 0, 0, err
		}
	}
	if b.order == nil {
		return 0, 0, ErrFormat
	}
	kind = b.order.Uint32(head)
	size := b.order.Uint32(head[4:])
	if size < blockFrame || size&3 != 0 {
		return 0, 0, fmt.Errorf("%w: block of %d bytes", ErrMalformed, size)
	}
	_, err = b.r.Discard(8)
	return kind, int64(size) - 8, err
}

// begin learns the byte order of a section.
func (b *blocks) begin(head []byte) error {
	switch {
	case binary.LittleEndian.Uint32(head[8:]) == byteOrderMagic:
		b.order = binary.LittleEndian
	case binary.BigEndian.Uint32(head[8:]) == byteOrderMagic:
		b.order = binary.BigEndian
	default:
		return ErrFormat
	}
	return nil
}

// ended tells the end of the file from other errors. A file that is too short
// to begin is none of ours.
func (b *blocks) ended(err error) error {
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("capture: read: %w", err)
	case b.order == nil:
		return ErrFormat
	}
	return errCut
}

// skip passes over the rest of a block.
func (b *blocks) skip(rest int64) error {
	if _, err := io.CopyN(io.Discard, b.r, rest); err != nil {
		return b.ended(err)
	}
	return nil
}

// body reads the rest of a block, without the length at its end.
func (b *blocks) body(rest int64, least int) ([]byte, error) {
	if rest > maxBlock || rest < int64(least)+4 {
		return nil, fmt.Errorf("%w: block with %d more bytes", ErrMalformed, rest)
	}
	const batch = 64 << 10
	buf := cut(&b.spare, int(rest), batch)
	if _, err := io.ReadFull(b.r, buf); err != nil {
		return nil, b.ended(err)
	}
	body, size := buf[:rest-4], b.order.Uint32(buf[rest-4:])
	if int64(size) != rest+8 {
		return nil, fmt.Errorf("%w: a block of %d bytes says %d at its end", ErrMalformed, rest+8, size)
	}
	return body, nil
}

// addLink takes in an interface description.
func (b *blocks) addLink(rest int64) error {
	body, err := b.body(rest, 8)
	if err != nil {
		return err
	}
	if len(b.links) == maxInterfaces {
		return fmt.Errorf("%w: more than %d interfaces", ErrMalformed, maxInterfaces)
	}
	l := link{kind: b.order.Uint16(body), rate: 1e6}
	b.options(body[8:], func(code uint16, value []byte) {
		switch {
		case code == optResolution && len(value) == 1:
			l.rate = resolution(value[0])
		case code == optOffset && len(value) == 8:
			l.offset = int64(b.order.Uint64(value))
		}
	})
	b.links = append(b.links, l)
	return nil
}

// resolution returns the rate of times: a power of ten, or of two if the high bit is set.
func resolution(v byte) timebase.Rate {
	base, n := timebase.Rate(10), v&0x7f
	if v&0x80 != 0 {
		base = 2
	}
	if n > maxResolution {
		return 0
	}
	rate := timebase.Rate(1)
	for range n {
		rate *= base
	}
	return rate
}

// options calls with each option of a list, up to the first that is not whole.
func (b *blocks) options(list []byte, each func(code uint16, value []byte)) {
	for len(list) >= 4 {
		code, n := b.order.Uint16(list), int(b.order.Uint16(list[2:]))
		if list = list[4:]; code == optEnd || n > len(list) {
			return
		}
		each(code, list[:n])
		list = list[min(n+(-n&3), len(list)):]
	}
}

// packet reads an enhanced packet block. It is not ok if it is no whole IP packet.
func (b *blocks) packet(rest int64) (p packet, ok bool, err error) {
	body, err := b.body(rest, packetHeader)
	if err != nil {
		return p, false, err
	}
	id, captured, whole := b.order.Uint32(body), b.order.Uint32(body[12:]), b.order.Uint32(body[16:])
	if int64(id) >= int64(len(b.links)) || int64(captured) > int64(len(body)-packetHeader) {
		return p, false, fmt.Errorf("%w: packet of %d bytes on interface %d", ErrMalformed, captured, id)
	}
	p.data = body[packetHeader:][:captured]
	stamp := uint64(b.order.Uint32(body[4:]))<<32 | uint64(b.order.Uint32(body[8:]))
	l := b.links[id]
	p.time, ok = l.time(stamp)
	return p, ok && l.kind == linkRaw && captured == whole, nil
}

// time returns a time of day, unless it is beyond what nanoseconds in 64 bits can say.
func (l link) time(stamp uint64) (time.Time, bool) {
	const second = 1_000_000_000
	if l.rate == 0 || stamp > math.MaxInt64 {
		return time.Time{}, false
	}
	seconds, part := int64(stamp)/int64(l.rate), int64(stamp)%int64(l.rate)
	const limit = math.MaxInt64 / second
	if seconds > limit-1 || l.offset > limit || l.offset < -limit || seconds+l.offset < 0 || seconds+l.offset > limit-1 {
		return time.Time{}, false
	}
	return time.Unix(seconds+l.offset, timebase.Convert(part, l.rate, second)).UTC(), true
}
