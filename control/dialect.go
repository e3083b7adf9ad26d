package control

import "time"

// dialect is a generation of the API: the form of what goes over the wire.
type dialect interface {
	// request is of the type of a request's body, nil if it should have none.
	request(v verb) any
	// arguments reads the body of a request.
	arguments(v verb, body []byte) (arguments, error)
	// answer is the status and the JSON of what was done.
	answer(v verb, done outcome) (status int, body any)
	// failure is the status and the JSON of what was not.
	failure(v verb, p *problem) (status int, body any)
}

// arguments is what the body of a request may say, in any dialect.
type arguments struct {
	operationContext string        // the client's own, to tell its requests apart
	callback         string        // where to post changes of the state
	delay            time.Duration // of composing; 0: the server's
	conversation     string        // canonical; empty where the path names it
	callID           string        // the conversation as the client wrote it, likewise
	connectionID     string        // if the client named the call by a connection
	pauseOnStart     bool
}

// outcome is what came of a verb.
type outcome struct {
	recording string
	state     recordingState // before
}

// recordingState is the state of a recording as clients know it.
type recordingState string

const (
	stateActive   recordingState = "active"
	stateInactive recordingState = "inactive" // paused
)
