package whip

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/callreel/callreel/ingest"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// payloadMap knows what the payload types of a media section carry.
type payloadMap []webrtc.RTPCodecParameters

func (m payloadMap) find(payloadType uint8) (webrtc.RTPCodecParameters, bool) {
	for _, c := range m {
		if uint8(c.PayloadType) == payloadType {
			return c, true
		}
	}
	return webrtc.RTPCodecParameters{}, false
}

// typeOf returns the payload type of a MIME type, or zero.
func (m payloadMap) typeOf(mime string) uint8 {
	for _, c := range m {
		if strings.EqualFold(c.MimeType, mime) {
			return uint8(c.PayloadType)
		}
	}
	return 0
}

// carried returns the payload type of what a packet carries: for one of
// redundant data that of its primary block (RFC 2198, section 3).
func (m payloadMap) carried(p *rtp.Packet) (payloadType uint8, ok bool) {
	c, ok := m.find(p.PayloadType)
	if !ok || !isMIME(c, mimeAudioRED, mimeVideoRED) {
		return p.PayloadType, ok
	}
	head := p.Payload
	for len(head) > 4 && head[0]&0x80 != 0 {
		head = head[4:]
	}
	if len(head) == 0 || head[0]&0x80 != 0 {
		return 0, false
	}
	return head[0], true
}

// codec returns the codec of a payload type, unless it is not that of one.
func (m payloadMap) codec(payloadType uint8) (webrtc.RTPCodecParameters, bool) {
	c, ok := m.find(payloadType)
	return c, ok && !isMIME(c, mimeAudioRED, mimeVideoRED, mimeULPFEC, webrtc.MimeTypeRTX)
}

// retransmitted returns the packet in a retransmission (RFC 4588, section 4), of the
// stream ssrc, or nil if there is none: publishers also send such that only fill up.
func (m payloadMap) retransmitted(raw []byte, ssrc uint32) []byte {
	var h rtp.Header
	head, err := h.Unmarshal(raw)
	if err != nil {
		return nil
	}
	padding := 0
	if h.Padding && len(raw) > head {
		padding = int(raw[len(raw)-1])
	}
	c, _ := m.find(h.PayloadType)
	original, ok := m.original(c)
	if !ok || len(raw)-head-padding < 2 {
		return nil
	}
	b := append(bytes.Clone(raw[:head]), raw[head+2:]...)
	b[1] = b[1]&0x80 | original
	copy(b[2:4], raw[head:])
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// original returns the payload type that a retransmission is of (RFC 4588, section 8.1).
func (m payloadMap) original(c webrtc.RTPCodecParameters) (uint8, bool) {
	for _, p := range strings.Split(c.SDPFmtpLine, ";") {
		if apt, ok := strings.CutPrefix(strings.TrimSpace(p), "apt="); ok && isMIME(c, webrtc.MimeTypeRTX) {
			n, err := strconv.ParseUint(apt, 10, 7)
			return uint8(n), err == nil
		}
	}
	return 0, false
}

// payloads says what besides a codec may come on its track.
func (m payloadMap) payloads(codec webrtc.RTPCodecParameters) ingest.Payloads {
	red := mimeVideoRED
	if strings.HasPrefix(codec.MimeType, "audio/") {
		red = mimeAudioRED
	}
	return ingest.Payloads{Media: uint8(codec.PayloadType), RED: m.typeOf(red), ULPFEC: m.typeOf(mimeULPFEC)}
}

func isMIME(c webrtc.RTPCodecParameters, mimes ...string) bool {
	for _, mime := range mimes {
		if strings.EqualFold(c.MimeType, mime) {
			return true
		}
	}
	return false
}

// canNACK reports whether generic NACKs were negotiated (RFC 4585, section 4.2).
func canNACK(c webrtc.RTPCodecParameters) bool {
	for _, f := range c.RTCPFeedback {
		if f.Type == webrtc.TypeRTCPFBNACK && f.Parameter == "" {
			return true
		}
	}
	return false
}

// extensionIDs finds the IDs of the header extensions that a receiver looks at.
func extensionIDs(negotiated []webrtc.RTPHeaderExtensionParameter) (ids ingest.Extensions) {
	for _, e := range negotiated {
		switch e.URI {
		case orientationURI:
			ids.VideoOrientation = uint8(e.ID)
		case colorSpaceURI:
			ids.ColorSpace = uint8(e.ID)
		case av1DependencyURI:
			ids.DependencyDescriptor = uint8(e.ID)
		case sdp.ABSSendTimeURI:
			ids.AbsSendTime = uint8(e.ID)
		case sdp.TransportCCURI:
			ids.TransportSequence = uint8(e.ID)
		}
	}
	return ids
}
