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
	// RequestKeyFrame asks the sender for a key frame. It is called with a
	// back-off of at least 500 ms, must not block, and may be nil.
	RequestKeyFrame func()
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
