package callreel

import "github.com/callreel/callreel/ingest"

// What a source hands over; see package ingest.
type (
	// TrackInfo describes a track, or one simulcast layer of it.
	TrackInfo = ingest.TrackInfo
	// Participant is a person, or a machine, in a call.
	Participant = ingest.Participant
)
