package callreel

import (
	"encoding/json"
	"fmt"
	"time"
)

// EndReason says why a recording or a chunk ended.
type EndReason string

// Why a recording ended.
const (
	EndStopped   EndReason = "Stopped"   // by Stop
	EndCallEnded EndReason = "CallEnded" // nobody is left
	EndShutdown  EndReason = "Shutdown"  // the engine was closed
	EndError     EndReason = "Error"     // see Result.Err
	// EndInterrupted: the process that recorded was killed, or lost its machine,
	// and the recording did not go on.
	EndInterrupted EndReason = "Interrupted"
)

// Pause is a span of the call that was not recorded.
type Pause struct {
	Start    time.Time     `json:"startTime"`
	Duration time.Duration `json:"durationNs"`
}

// Gap is a span of the call that is missing because the process that recorded was
// killed. The recording has gone on after it.
type Gap struct {
	Start    time.Time     `json:"startTime"`
	Duration time.Duration `json:"durationNs"`
}

// ParticipantInfo is one stay of a participant in the recorded part of a call.
type ParticipantInfo struct {
	ID     string    `json:"participantId"`
	Name   string    `json:"displayName,omitempty"`
	Joined time.Time `json:"joined"`
	Left   time.Time `json:"left,omitzero"` // zero: stayed until the end
}

// Chunk is one file of a recording. Each plays alone; the next begins where it
// ends, or after something that could not be written.
type Chunk struct {
	Index      int           `json:"index"`
	DocumentID string        `json:"documentId"`
	Start      time.Duration `json:"startNs"` // session position
	Duration   time.Duration `json:"durationNs"`
	StartTime  time.Time     `json:"startTime"`
	Bytes      int64         `json:"bytes"`
	EndReason  string        `json:"endReason"` // SessionEnded, ChunkMaximumSizeExceeded, ChunkMaximumTimeExceeded, Interrupted
	// MediaKey and MetadataKey are the objects' keys in the store.
	MediaKey    string `json:"mediaKey"`
	MetadataKey string `json:"metadataKey"`
}

// resultVersion is that of recording.json. What was written before it had one is
// of version 1.
const resultVersion = 1

// Result is what a recording came to. It is final once the recording has ended.
type Result struct {
	Version      int       `json:"version,omitempty"` // of the format, in documents
	ID           string    `json:"recordingId"`
	Conversation string    `json:"conversationId"`
	State        State     `json:"-"`
	StartTime    time.Time `json:"startTime"`
	// Duration is without pauses and gaps. Of a running recording it is what is in
	// the files: if the process is killed now, that remains.
	Duration     time.Duration     `json:"durationNs"`
	EndReason    EndReason         `json:"endReason"`
	Chunks       []Chunk           `json:"chunks"`
	Pauses       []Pause           `json:"pauses"`
	Gaps         []Gap             `json:"gaps,omitempty"` // in order, each where a chunk begins
	Participants []ParticipantInfo `json:"participants"`
	// Unwritten says where Stats.Unwritten is, in session position: between chunks,
	// or after the last one.
	Unwritten Spans    `json:"unwritten"`
	Overload  Overload `json:"overload"`
	Stats     Stats    `json:"stats"`
	// Verdict is that of the quality report, once the recording has ended.
	Verdict Verdict `json:"verdict,omitempty"`
	// Report is the quality report, once the recording has ended. It is stored
	// as a document of its own.
	Report *Report `json:"-"`
	// Capture is the key of the capture in the store. Empty if there is none.
	Capture string `json:"captureKey,omitempty"`
	// Err is why the recording failed, or why something is not in the store yet.
	Err error `json:"-"`
}

// UnmarshalJSON refuses what a later version of callreel has written.
func (r *Result) UnmarshalJSON(doc []byte) error {
	type plain Result
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(doc, &head); err != nil {
		return err
	}
	if head.Version > resultVersion {
		return fmt.Errorf("a result has version %d: %w", head.Version, errVersion)
	}
	return json.Unmarshal(doc, (*plain)(r))
}

// Stats counts what the recording did.
type Stats struct {
	Frames         int64 `json:"frames"`         // that were made
	RepeatedFrames int64 `json:"repeatedFrames"` // of these, the picture is the one before
	HeldFrames     int64 `json:"heldFrames"`     // of these, because the recorder could not keep up; most are not in the file
	LateTicks      int64 `json:"lateTicks"`      // frames composed more than a frame's duration after they were due
	// StepsDown and StepsUp count changes of the level of overload, and Overloaded
	// is for how long there was one.
	StepsDown  int64         `json:"stepsDown"`
	StepsUp    int64         `json:"stepsUp"`
	Overloaded time.Duration `json:"overloadedNs"`
	// Unwritten is how long nothing could be written, because the disk was full or
	// failed: it is in no file.
	Unwritten time.Duration `json:"unwrittenNs"`
	// CPU is the time that decoding, composing, mixing and encoding took on a
	// processor. It leaves out receiving packets and storing files. Zero if the
	// system doesn't tell, and for what Compose makes.
	CPU time.Duration `json:"cpuNs"`
}

func (s Stats) plus(o Stats) Stats {
	return Stats{
		Frames: s.Frames + o.Frames, RepeatedFrames: s.RepeatedFrames + o.RepeatedFrames,
		HeldFrames: s.HeldFrames + o.HeldFrames, LateTicks: s.LateTicks + o.LateTicks,
		StepsDown: s.StepsDown + o.StepsDown, StepsUp: s.StepsUp + o.StepsUp, Overloaded: s.Overloaded + o.Overloaded,
		Unwritten: s.Unwritten + o.Unwritten, CPU: s.CPU + o.CPU,
	}
}
