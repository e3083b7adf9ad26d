package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Record is one thing of a capture: an event, an RTP packet or control packets.
type Record struct {
	Time  time.Time // when it was written; of packets, when they arrived
	Event *Event
	Flow  Flow // of packets
	RTP   *rtp.Packet
	RTCP  []rtcp.Packet
}

// Reader reads a capture record by record. Its memory is bounded, whatever it reads.
type Reader struct {
	blocks     blocks
	packets    []rtp.Packet    // to be used
	extensions []rtp.Extension // to be used
	scratch    []rtp.Extension // of the packet that is read
	cut        bool
	damaged    uint64
}

// NewReader returns a reader of r, which it reads ahead of what it returns.
func NewReader(r io.Reader) *Reader {
	return &Reader{blocks: blocks{r: bufio.NewReaderSize(r, 16<<10)}}
}

// Cut reports, after the end, whether the file ends within a block. What was
// before it is whole.
func (r *Reader) Cut() bool { return r.cut }

// Damaged returns how many packets of media could not be read, and were passed over.
func (r *Reader) Damaged() uint64 { return r.damaged }

// Next returns the next record, and io.EOF at the end of the file, even if the
// file is cut off. Whatever else is in it, such as announcements and packets of
// other programs, is passed over. The error is ErrFormat, ErrNewer, ErrMalformed,
// or that of reading.
func (r *Reader) Next() (Record, error) {
	for {
		p, err := r.blocks.next()
		if errors.Is(err, errCut) {
			r.cut, err = true, io.EOF
		}
		if err != nil {
			return Record{}, err
		}
		if d, ok := parseDatagram(p.data); ok {
			if rec, ok, err := r.record(d); ok || err != nil {
				rec.Time = p.time
				return rec, err
			}
		}
	}
}

// record reads a datagram if it belongs to a capture.
func (r *Reader) record(d datagram) (rec Record, ok bool, err error) {
	switch d.to {
	case recorder(portEvents):
		e, ok, err := parseEvent(d.payload)
		return Record{Event: &e}, ok, err
	case recorder(portRTP):
		rec.RTP, err = r.parseRTP(d.payload)
	case recorder(portRTCP):
		rec.RTCP, err = rtcp.Unmarshal(d.payload)
	default:
		return rec, false, nil
	}
	if rec.Flow, ok = flowOf(d.from); !ok || err != nil {
		r.damaged++
		return rec, false, nil
	}
	return rec, true, nil
}

// parseRTP reads a packet, which keeps data.
func (r *Reader) parseRTP(data []byte) (*rtp.Packet, error) {
	const batch = 64
	p := &cut(&r.packets, 1, batch)[0]
	p.Extensions = r.scratch[:0]
	if err := p.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	r.scratch, p.Extensions = p.Extensions, cut(&r.extensions, len(p.Extensions), batch)
	copy(p.Extensions, r.scratch)
	return p, nil
}

// cut takes n elements from what is spare, for which it makes at least batch of them
// at a time: what packets of the same milliseconds are in is let go at about the same
// time, and one allocation for many is cheaper.
func cut[T any](spare *[]T, n, batch int) []T {
	if len(*spare) < n {
		*spare = make([]T, max(n, batch))
	}
	part := (*spare)[:n:n]
	*spare = (*spare)[n:]
	return part
}
