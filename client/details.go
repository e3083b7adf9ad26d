package client

import "time"

// Recording is what the server knows of a recording.
type Recording struct {
	ID           string `json:"recordingId"`
	Conversation string `json:"conversationId"`
	// State is starting, active, paused, stopping, completed, failed or deleted.
	State     string    `json:"state"`
	StartTime time.Time `json:"startTime"`
	EndTime   time.Time `json:"endTime,omitzero"` // zero: it has not ended
	// DurationMs is in milliseconds, without pauses and gaps.
	DurationMs int64 `json:"durationMs"`
	// EndReason is why it ended: Stopped, CallEnded, Shutdown, Interrupted or Error.
	EndReason string `json:"endReason,omitempty"`
	// Verdict is that of the quality report: pass, warn or fail.
	Verdict          string        `json:"verdict,omitempty"`
	OperationContext string        `json:"operationContext,omitempty"`
	StateCallbackURI string        `json:"recordingStateCallbackUri,omitempty"`
	Chunks           []Chunk       `json:"chunks"`
	Pauses           []Pause       `json:"pauses"`
	Gaps             []Pause       `json:"gaps,omitempty"` // missing because of a crash
	Participants     []Participant `json:"participants"`
	// Timeline is what happened, in order. It is in the details only, not in lists.
	Timeline []Moment `json:"timeline,omitempty"`
}

// Ended reports whether the recording has ended and its files are final, or gone.
func (r Recording) Ended() bool {
	return r.State == "completed" || r.State == "failed" || r.State == "deleted"
}

// Chunk is a file of a recording. Each plays alone; the next goes on where it ends.
type Chunk struct {
	DocumentID string    `json:"documentId"` // for downloads
	Index      int       `json:"index"`
	StartTime  time.Time `json:"startTime"`
	DurationMs int64     `json:"durationMs"`
	Bytes      int64     `json:"bytes"`
	EndReason  string    `json:"endReason"`
	Deleted    bool      `json:"deleted,omitempty"`
	// Where Azure's clients fetch the media and the metadata, and delete both.
	ContentLocation  string `json:"contentLocation,omitempty"`
	MetadataLocation string `json:"metadataLocation,omitempty"`
	DeleteLocation   string `json:"deleteLocation,omitempty"`
}

// Moment is something that happened during a recording.
type Moment struct {
	Time time.Time `json:"time"`
	// PositionMs is where that is in the recording, in milliseconds without pauses and gaps.
	PositionMs int64 `json:"positionMs"`
	// What is started, joined, left, paused, resumed, interrupted, continued, chunk
	// or ended.
	What        string `json:"what"`
	Participant string `json:"participantId,omitempty"` // who joined or left
	Document    string `json:"documentId,omitempty"`    // the chunk that begins
}

// Pause is a span of the call that was not recorded, or that is missing.
type Pause struct {
	StartTime  time.Time `json:"startTime"`
	DurationMs int64     `json:"durationMs"`
}

// Participant is one stay of somebody in the call.
type Participant struct {
	ID     string    `json:"participantId"`
	Name   string    `json:"displayName,omitempty"`
	Joined time.Time `json:"joined"`
	Left   time.Time `json:"left,omitzero"` // zero: stayed
}

// Capacity is what a server does and can do. What it has not measured yet is
// zero.
type Capacity struct {
	Running int `json:"running"` // recordings
	Maximum int `json:"maximum"` // of them; 0: no bound
	// Cores are the processors that the server may use, CoresUsed what all
	// recordings take together, and CoresPerRecording what one does.
	Cores             float64 `json:"cores"`
	CoresUsed         float64 `json:"coresUsed"`
	CoresPerRecording float64 `json:"coresPerRecording"`
	// Available is how many recordings more there is room for, by estimate, and
	// Basis what that is based on: measured, assumed or fixed.
	Available int    `json:"available"`
	Basis     string `json:"basis"`
	// Overloaded: a recording can't keep up, so there is no room.
	Overloaded bool `json:"overloaded"`
}
