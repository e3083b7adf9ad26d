package capture

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
)

// AppendEvent appends an event that is written at time t.
func AppendEvent(dst []byte, t time.Time, e Event) ([]byte, error) {
	e.At = e.At.UTC()
	doc, err := json.Marshal(e)
	if err != nil {
		return dst, fmt.Errorf("capture: %w", err)
	}
	from := recorder(portEvents)
	if e.Flow.Stay > 0 {
		if !e.Flow.valid() {
			return dst, fmt.Errorf("capture: no address for flow %d/%d", e.Flow.Stay, e.Flow.Layer)
		}
		from = netip.AddrPortFrom(e.Flow.addr(), portEvents)
	}
	return appendPacket(dst, t, datagram{from, recorder(portEvents), doc}, e.String())
}

// AppendRTP appends a packet that arrived at time t, without its padding.
func AppendRTP(dst []byte, t time.Time, f Flow, p *rtp.Packet) ([]byte, error) {
	bare := rtp.Packet{Header: p.Header, Payload: p.Payload}
	bare.Padding, bare.Header.PaddingSize = false, 0
	data, err := bare.Marshal()
	if err != nil {
		return dst, fmt.Errorf("capture: %w", err)
	}
	return appendPacket(dst, t, datagram{f.rtp(), recorder(portRTP), data}, "")
}

// AppendRTCP appends a control packet that arrived at time t.
func AppendRTCP(dst []byte, t time.Time, f Flow, p rtcp.Packet) ([]byte, error) {
	data, err := p.Marshal()
	if err != nil {
		return dst, fmt.Errorf("capture: %w", err)
	}
	return appendPacket(dst, t, datagram{f.rtcp(), recorder(portRTCP), data}, "")
}

// AppendDescription appends what lets Wireshark see that a flow carries RTP of
// the track's codec with these payload types.
func AppendDescription(dst []byte, t time.Time, f Flow, track ingest.TrackInfo, payloads []uint8) ([]byte, error) {
	from := f.rtp()
	return appendPacket(dst, t, datagram{from, announcements(), announcement(f, track, payloads)}, "")
}
