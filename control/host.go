package control

import (
	"context"
	"net/http"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest/whip"
)

// Host holds the calls and makes the recordings: in this process, or each call
// in one of its own. What it tells is what an engine tells; if the process of a
// call is gone unasked, that is a CallEnded with an Err.
type Host interface {
	Recorder
	Calls
	Meter

	// Open begins to take in publishers and returns what answers the requests of
	// WHIP, once access has let them. It is called once.
	Open(access Access) (http.Handler, error)
	// Close disconnects all publishers.
	Close(ctx context.Context) error
}

// Access checks a request for a conversation, whose ID it returns in canonical
// form, and says who publishes. Errors are as those of whip.Config.Authorize.
type Access func(r *http.Request, conversation string) (canonical string, g whip.Grant, err error)

// Recorder makes recordings.
type Recorder interface {
	// Start is that of callreel.Engine.
	Start(ctx context.Context, cfg callreel.RecordingConfig) (Recording, error)
	// Recording returns one that has not ended.
	Recording(id string) (Recording, bool)
	// Recordings returns those that have not ended, the oldest first.
	Recordings() []Recording
	// Continue is that of callreel.Engine.
	Continue(ctx context.Context, within time.Duration) error
}

// Recording is one that has not ended, or has lately. Its methods are those of
// callreel.Recording.
type Recording interface {
	Result() callreel.Result
	Counters() callreel.Counters
	Load() callreel.Load
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	Stop(ctx context.Context) (callreel.Result, error)
}

// Calls knows who is in the calls.
type Calls interface {
	// Call returns the call of a conversation, if there is one.
	Call(conversation string) (Call, bool)
	// Calls returns all, sorted by conversation.
	Calls() []Call
	// Sessions returns those of WHIP, also of who is not in a call yet.
	Sessions() []whip.SessionInfo
	// Run names what holds the connections of a conversation. It is another one
	// when they were lost.
	Run(conversation string) string
}

// Call is a snapshot of a call.
type Call struct {
	callreel.ConversationInfo // without its Recording

	Recording string         // ID of the one that is attached; empty if there is none
	State     callreel.State // its state
	Sessions  []whip.SessionInfo
}

// Meter tells what the host has done and takes.
type Meter interface {
	Totals() callreel.Totals
	// Deliveries is what waits for the store.
	Deliveries() callreel.DeliveryStats
	Usage() Usage
	// Closed reports whether the host takes no more recordings.
	Closed() bool
}

// Usage is what the host takes of the machine.
type Usage struct {
	CPU       time.Duration // of all its processes since it began, this one included
	Workers   int           // processes besides this one
	WorkerCPU time.Duration // of these, and of those that have ended
	Crashes   int64         // of workers
	Memory    int64         // bytes that the workers hold
	Largest   int64         // bytes that the largest of them holds
}
