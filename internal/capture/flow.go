package capture

import (
	"encoding/binary"
	"net/netip"
)

// The recorder's side of all flows: an address for documentation (RFC 5737), and
// the ports that are registered for RTP (RFC 3551 section 8) and one for events.
const (
	portRTP    = 5004
	portRTCP   = 5005
	portEvents = 50004
)

const (
	participants = 10      // first byte of participants' addresses
	firstPort    = 16384   // of a participant's layers
	maxStays     = 1 << 24 // of a capture, exclusive
)

// MaxLayers is how many layers a stay can have.
const MaxLayers = 16384

func recorder(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), port)
}

// Flow tells whose packets they are. Its source address is 10.x.y.z, where x.y.z
// is the stay; its source port for RTP is 16384 plus twice the layer, for RTCP
// one more.
type Flow struct {
	// Stay numbers the stays of participants in the call, from 1 up to 2^24-1.
	Stay uint32 `json:"stay"`
	// Layer numbers the tracks, and the layers of simulcast, that a participant
	// added in that stay, from 0 to 16383.
	Layer uint16 `json:"layer"`
}

// valid reports whether there is an address for f.
func (f Flow) valid() bool { return f.Stay > 0 && f.Stay < maxStays && f.Layer < MaxLayers }

func (f Flow) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{participants, byte(f.Stay >> 16), byte(f.Stay >> 8), byte(f.Stay)})
}

func (f Flow) rtp() netip.AddrPort { return netip.AddrPortFrom(f.addr(), firstPort+2*f.Layer) }

func (f Flow) rtcp() netip.AddrPort { return netip.AddrPortFrom(f.addr(), firstPort+2*f.Layer+1) }

// flowOf is the inverse of rtp and rtcp.
func flowOf(from netip.AddrPort) (f Flow, ok bool) {
	a, port := from.Addr().As4(), from.Port()
	if a[0] != participants || port < firstPort {
		return f, false
	}
	f = Flow{Stay: binary.BigEndian.Uint32(a[:]) & (maxStays - 1), Layer: (port - firstPort) / 2}
	return f, f.valid()
}
