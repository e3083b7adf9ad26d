package ingest

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnknownCodec says that a MIME type names a codec that cannot be received.
var ErrUnknownCodec = errors.New("ingest: unknown codec")

// Kind says whether a track is heard or seen.
type Kind uint8

// The kinds of media.
const (
	Audio Kind = iota
	Video
)

func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// Codec describes a codec that can be received.
type Codec struct {
	// MimeType is spelled as it was registered, such as "video/VP8".
	MimeType string
	// Kind is audio or video.
	Kind Kind
	// ClockRate is the usual rate of the RTP timestamps in Hz.
	ClockRate uint32

	// newDepacketiser is nil for audio, where every packet is a unit.
	newDepacketiser func(depacketiserConfig) depacketiser
}

// receivable is the one list of what can be received.
func receivable() []*Codec {
	return []*Codec{
		{MimeType: "audio/opus", Kind: Audio, ClockRate: 48000},
		{MimeType: "audio/PCMU", Kind: Audio, ClockRate: 8000},
		{MimeType: "audio/PCMA", Kind: Audio, ClockRate: 8000},
		// The clock of G.722 is half its sampling rate: RFC 3551 section 4.5.2.
		{MimeType: "audio/G722", Kind: Audio, ClockRate: 8000},
		{MimeType: "video/VP8", Kind: Video, ClockRate: 90000, newDepacketiser: newVP8},
		{MimeType: "video/VP9", Kind: Video, ClockRate: 90000, newDepacketiser: newVP9},
		{MimeType: "video/H264", Kind: Video, ClockRate: 90000, newDepacketiser: newH264},
		{MimeType: "video/AV1", Kind: Video, ClockRate: 90000, newDepacketiser: newAV1},
	}
}

// CodecByMime finds a codec by its MIME type in any case. The error is [ErrUnknownCodec].
func CodecByMime(mime string) (*Codec, error) {
	for _, c := range receivable() {
		if strings.EqualFold(c.MimeType, mime) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: %.64q", ErrUnknownCodec, mime)
}
