package capture

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/callreel/callreel/ingest"
)

// Session announcements (RFC 2974) tell Wireshark which flows are RTP, and of
// which codecs. Readers of captures pass over them.

const portSAP = 9875

func announcements() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 2, 127, 254}), portSAP)
}

// announcement describes a flow that carries these payload types.
func announcement(f Flow, t ingest.TrackInfo, payloads []uint8) []byte {
	origin := f.addr().AsSlice()
	header := append([]byte{0x20, 0, byte(f.Layer >> 8), byte(f.Layer)}, origin...) // version 1, no authentication, identifier
	return append(header, description(f, t, payloads)...)                           // a type of payload is left out, as section 6 allows for SDP
}

// description is that of a flow as SDP (RFC 8866).
func description(f Flow, t ingest.TrackInfo, payloads []uint8) string {
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\r\n", args...) }
	line("v=0")
	line("o=- %d %d IN IP4 %s", f.Layer, len(payloads), f.addr())
	line("s=%s", strings.Join(slices.DeleteFunc([]string{t.Participant.ID, t.ID, t.RID}, func(s string) bool { return s == "" }), " "))
	line("c=IN IP4 %s", f.addr())
	line("t=0 0")
	line("m=%s %d RTP/AVP%s", t.Kind(), f.rtp().Port(), formats(payloads))
	for _, p := range payloads {
		line("a=rtpmap:%d %s", p, encoding(t, p))
	}
	return s.String()
}

func formats(payloads []uint8) string {
	var s strings.Builder
	for _, p := range payloads {
		fmt.Fprintf(&s, " %d", p)
	}
	return s.String()
}

// encoding names a payload type as in RFC 4855.
func encoding(t ingest.TrackInfo, payload uint8) string {
	_, name, _ := strings.Cut(t.MimeType, "/")
	switch {
	case payload == t.Payloads.RED && payload != 0:
		name = "red"
	case payload == t.Payloads.ULPFEC && payload != 0:
		name = "ulpfec"
	case strings.EqualFold(name, "opus"):
		return name + "/48000/2" // RFC 7587 section 7
	}
	return fmt.Sprintf("%s/%d", name, t.ClockRate)
}
