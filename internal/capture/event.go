package capture

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/callreel/callreel/ingest"
)

// Type says what an Event is about.
type Type string

// The events of a capture.
const (
	Recording Type = "recording" // the first of all: Version, Clock and Settings
	Join      Type = "join"      // Participant and Name of Flow.Stay
	Rename    Type = "rename"    // likewise
	Leave     Type = "leave"     // of Flow.Stay
	Added     Type = "track"     // Track of Flow
	Closed    Type = "close"     // of Flow
	Pause     Type = "pause"
	Resume    Type = "resume"
	Stop      Type = "stop" // with Reason
	Lost      Type = "lost" // Packets, since the event before, that the capture does not have
)

// Event is what happened besides packets. It is one JSON object.
type Event struct {
	Type Type `json:"type"`
	// At is when it happened. That may be before the time at which it was
	// written: changes of the roster in a pause are written when it is over.
	At time.Time `json:"at"`

	Flow        Flow   `json:"flow,omitzero"`
	Participant string `json:"participantId,omitempty"`
	Name        string `json:"displayName,omitempty"`
	Track       *Track `json:"track,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Packets     uint64 `json:"packets,omitempty"`

	Version int `json:"version,omitempty"`
	// Clock is the zero of the recorder's clock, from which it counts 1/48000 s,
	// rounded down.
	Clock time.Time `json:"clock,omitzero"`
	// Settings are the recorder's, in its own form.
	Settings json.RawMessage `json:"settings,omitempty"`
}

// Track is an ingest.TrackInfo without its participant.
type Track struct {
	ID         string            `json:"id"`
	MimeType   string            `json:"mimeType"`
	ClockRate  uint32            `json:"clockRate"`
	Fmtp       string            `json:"fmtp,omitempty"`
	Screen     bool              `json:"screen,omitempty"`
	RID        string            `json:"rid,omitempty"`
	SSRC       uint32            `json:"ssrc,omitempty"`
	Payloads   ingest.Payloads   `json:"payloads,omitzero"`
	Extensions ingest.Extensions `json:"extensions,omitzero"`
	// Which requests the source took.
	KeyFrames bool `json:"requestsKeyFrames,omitempty"`
	Packets   bool `json:"requestsPackets,omitempty"`
	Sizes     bool `json:"requestsSizes,omitempty"`
}

// TrackOf describes a track.
func TrackOf(t ingest.TrackInfo) *Track {
	return &Track{
		ID: t.ID, MimeType: t.MimeType, ClockRate: t.ClockRate, Fmtp: t.Fmtp,
		Screen: t.Role == ingest.Screen, RID: t.RID, SSRC: t.SSRC,
		Payloads: t.Payloads, Extensions: t.Extensions,
		KeyFrames: t.RequestKeyFrame != nil, Packets: t.RequestPackets != nil, Sizes: t.RequestSize != nil,
	}
}

// Info is the inverse of TrackOf. The requests that the source took are taken,
// and nothing comes of them: whatever they brought is in the capture.
func (t Track) Info(participant ingest.Participant) ingest.TrackInfo {
	info := ingest.TrackInfo{
		Participant: participant,
		ID:          t.ID, MimeType: t.MimeType, ClockRate: t.ClockRate, Fmtp: t.Fmtp,
		RID: t.RID, SSRC: t.SSRC, Payloads: t.Payloads, Extensions: t.Extensions,
	}
	if t.Screen {
		info.Role = ingest.Screen
	}
	if t.KeyFrames {
		info.RequestKeyFrame = func() {}
	}
	if t.Packets {
		info.RequestPackets = func([]uint16) {}
	}
	if t.Sizes {
		info.RequestSize = func(int, int) {}
	}
	return info
}

// String is what a person reads in Wireshark.
func (e Event) String() string {
	switch e.Type {
	case Recording:
		return fmt.Sprintf("recording starts (capture version %d)", e.Version)
	case Join:
		return fmt.Sprintf("%s (%s) joins as %s", e.Participant, e.Name, e.Flow.addr())
	case Rename:
		return fmt.Sprintf("%s is called %s", e.Participant, e.Name)
	case Leave:
		return e.Participant + " leaves"
	case Added:
		return fmt.Sprintf("track %s (%s) from %s", strings.TrimSpace(e.Track.ID+" "+e.Track.RID), e.Track.MimeType, e.Flow.rtp())
	case Closed:
		return fmt.Sprintf("track from %s ends", e.Flow.rtp())
	case Stop:
		return "recording stops: " + e.Reason
	case Lost:
		return fmt.Sprintf("%d packets are not in the capture", e.Packets)
	default:
		return "recording: " + string(e.Type)
	}
}

// parseEvent reads an event. One of a type that is not known is not ok.
func parseEvent(doc []byte) (e Event, ok bool, err error) {
	if err := json.Unmarshal(doc, &e); err != nil {
		return e, false, fmt.Errorf("%w: event: %w", ErrMalformed, err)
	}
	switch e.Type {
	case Recording:
		if e.Version > Version {
			return e, false, fmt.Errorf("%w: version %d, known up to %d", ErrNewer, e.Version, Version)
		}
	case Join, Rename, Leave, Closed:
		err = e.check(e.Flow.valid())
	case Added:
		err = e.check(e.Flow.valid() && e.Track != nil)
	case Pause, Resume, Stop, Lost:
	default:
		return e, false, nil
	}
	return e, err == nil, err
}

func (e Event) check(ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: event %q of flow %d/%d", ErrMalformed, e.Type, e.Flow.Stay, e.Flow.Layer)
}
