// Package ingest is where media enters callreel: it says what a source (an SFU,
// a WHIP endpoint, a replayed capture) hands over, and turns RTP into coded
// frames in decode order.
//
// A source depends on this package only. It announces participants and tracks
// to a [Sink] and feeds the [Writer] that it gets back. The sub-packages are
// sources. Nothing in this package decodes media, reads a clock or starts a
// goroutine, except [Pump], which runs in its caller's.
package ingest

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Participant is a person, or a machine, in a call.
type Participant struct {
	// ID is unique within the conversation and opaque, 1 to 256 bytes of UTF-8
	// without control characters. It is never used as a file name.
	ID string
	// Name is shown on the tile. Empty means that the ID is shown.
	Name string
}

// Role says what a track shows.
type Role uint8

// The roles of a track.
const (
	Camera Role = iota // a person's camera or microphone
	Screen             // a shared screen or its sound
)

func (r Role) String() string {
	if r == Screen {
		return "screen"
	}
	return "camera"
}

// TrackInfo describes a track, or one simulcast layer of a track.
type TrackInfo struct {
	// Participant owns the track. Its Name may be empty if the sink already knows it.
	Participant Participant
	// ID names the track within its participant. Empty means one made of the
	// role and the kind, such as "camera/video". Adding a track whose ID is in
	// use replaces it, unless RID says that it is another layer of the same.
	ID string
	// MimeType is the codec's, as in RFC 4855: video/VP8, video/VP9, video/H264,
	// video/AV1, audio/opus, audio/PCMU, audio/PCMA, audio/G722, in any case.
	MimeType string
	// ClockRate is that of the RTP timestamps in Hz. Zero means the codec's usual one.
	ClockRate uint32
	// Fmtp is the format parameters of the SDP. Optional.
	Fmtp string
	// Role says what the track shows.
	Role Role
	// RID names a simulcast layer (RFC 8851). Empty for a track with one encoding.
	RID string
	// SSRC, where it is not zero, selects the sender reports that belong to the track.
	SSRC uint32
	// Payloads are the payload types that come besides the codec's own.
	Payloads Payloads
	// Extensions are the negotiated IDs of header extensions.
	Extensions Extensions
	// RequestKeyFrame asks the sender for a key frame. It is called with a
	// back-off of at least 500 ms, must not block, and may be nil. This and the
	// other requests may be called by several goroutines at once, and one call
	// may still be under way when the track is closed.
	RequestKeyFrame func()
	// RequestPackets asks the sender to send packets again (a generic NACK, RFC
	// 4585 section 6.2.1), as long as they can still be in time. It must not
	// block and not keep the slice. Nil means that the source does its own.
	RequestPackets func(sequence []uint16)
	// RequestSize tells a source that can choose, such as a subscription to an
	// SFU, how large the pictures are shown, in pixels; zero for not at all. It
	// is called when that changes, must not block, and may be nil.
	RequestSize func(width, height int)
}

// Payloads are payload types of the packets of a track, zero where there are none.
type Payloads struct {
	// Media is that of the codec. It is needed only if one of the others is
	// set; then packets of types that are not listed are dropped.
	Media uint8
	// RED is that of redundant data (RFC 2198): of Opus, earlier packets; of
	// video, a wrapping for ULPFEC.
	RED uint8
	// ULPFEC is that of forward error correction (RFC 5109), which comes in RED.
	ULPFEC uint8
}

// Extensions are IDs of RTP header extensions (RFC 8285), zero where there are none.
type Extensions struct {
	// VideoOrientation is urn:3gpp:video-orientation (3GPP TS 26.114 section 7.4.5).
	VideoOrientation uint8
	// ColorSpace is http://www.webrtc.org/experiments/rtp-hdrext/color-space.
	ColorSpace uint8
	// DependencyDescriptor is that of the AV1 RTP payload format, appendix A.
	DependencyDescriptor uint8
	// AbsSendTime and TransportSequence (transport-wide congestion control) are
	// written after ULPFEC was made, which therefore takes them for zero.
	AbsSendTime       uint8
	TransportSequence uint8
}

// Sink takes participants and tracks. A conversation is one.
type Sink interface {
	// Join puts a participant on the roster, with or without tracks. Joins of
	// the same ID are counted; the participant has left when each of them has
	// called leave, which may be called more than once.
	Join(p Participant) (leave func(), err error)
	// AddTrack announces a track or a simulcast layer. It joins the participant
	// for as long as the track lives.
	AddTrack(t TrackInfo) (Writer, error)
}

// Writer takes what arrives on one track or layer. Its methods are safe for
// concurrent use, do not block on media work, and fail with [ErrClosed] once
// the track is gone. Malformed media is counted, not returned as an error.
type Writer interface {
	// WriteRTP hands over a packet, which the writer keeps, and when it arrived.
	WriteRTP(p *rtp.Packet, arrival time.Time) error
	// WriteRTCP hands over control packets; only sender reports matter.
	WriteRTCP(ps []rtcp.Packet, arrival time.Time) error
	// Close ends the track. Closing twice is harmless.
	Close() error
}
