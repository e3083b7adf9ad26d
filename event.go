package callreel

import "time"

// EventType says what an Event is about.
type EventType string

// The events of a call: its roster as the sources tell it. A call begins with its
// first participant and ends when nobody is left in it and it is not recorded.
const (
	CallStarted       EventType = "CallStarted"
	CallEnded         EventType = "CallEnded"
	ParticipantJoined EventType = "ParticipantJoined" // Participant
	ParticipantLeft   EventType = "ParticipantLeft"   // Participant
)

// The events of a recording.
const (
	StateChanged EventType = "StateChanged" // to State
	ChunkStored  EventType = "ChunkStored"  // Chunk is in the store
	ChunkFailed  EventType = "ChunkFailed"  // Chunk is in the spool only, and will be tried again; Err says why
	Ended        EventType = "Ended"        // Result is final
	// Delivered comes once after Ended: all that the recording has left is in the
	// store, Result too. If that was not to be done before the engine was closed,
	// it comes from a later engine's Recover; after a crash maybe a second time.
	// Err says what was lost on the way, if anything.
	Delivered    EventType = "Delivered"
	AlarmRaised  EventType = "AlarmRaised"  // something is wrong with a track, the spool, or the load: Alarm, and Err if it is known why
	AlarmCleared EventType = "AlarmCleared" // it is no longer

	CaptureFailed EventType = "CaptureFailed" // something is not in the capture: Err; the recording goes on
)

// Event tells what happened to a recording, or in a call.
type Event struct {
	Type         EventType
	Time         time.Time
	Conversation string
	// Call names the call, one of possibly several of the conversation. Empty
	// where nobody has been in it.
	Call        string
	Participant *ParticipantInfo
	Recording   string
	State       State // of the recording, at that time
	Chunk       *Chunk
	Result      *Result
	Alarm       *Alarm
	Err         error
}
