package ingest

import "time"

// Recorded is what a captured call says about the recording that captured it.
type Recorded struct {
	// Clock is the zero of the recorder's clock, and Start when the recording began.
	Clock, Start time.Time
	// Settings are those of the recording, in the recorder's own form.
	Settings []byte
}

// Command is what a recording was told.
type Command uint8

// The commands to a recording.
const (
	NoCommand Command = iota
	PauseRecording
	ResumeRecording
	StopRecording
)

// Step is one thing that happened in a captured call. It is to be done again
// when everything before Time is done.
type Step struct {
	// Time is the step's place among the others. Steps come in the order in which
	// they were seen, and Time may go back by a little.
	Time time.Time
	// At is when it happened, which may be before Time. A sink's clock shows it
	// while the step is applied.
	At time.Time
	// Command is to the recording, and Reason why it stopped, in its own words.
	Command Command
	Reason  string
	// Apply does to a sink what was done: a participant joins or leaves, a track
	// comes or goes, packets arrive. Nil for a command.
	Apply func(Sink) error
}
