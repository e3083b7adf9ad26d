package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// seed is the private preview of April 2021. Its statuses are 200, 400, 500 and,
// only when a recording is started, 404; errors are flat.
type seed struct{}

var _ dialect = seed{}

const (
	maxArguments        = 64 << 10 // bytes of JSON
	maxOperationContext = 4096     // bytes
	maxCallback         = 4096     // bytes
)

// seedStart is the body of a start.
type seedStart struct {
	OperationContext          string `json:"operationContext"`
	RecordingStateCallbackURI string `json:"recordingStateCallbackUri"`
	ComposingDelayMs          uint32 `json:"composingDelayMs"` // our own
	PauseOnStart              bool   `json:"pauseOnStart"`     // of the released API
}

// seedOperation is the body of what is asked of a recording.
type seedOperation struct {
	OperationContext string `json:"operationContext"`
}

// seedStarted and seedState are the bodies of answers.
type seedStarted struct {
	RecordingID string `json:"recordingId"`
}

type seedState struct {
	RecordingState recordingState `json:"recordingState"`
}

func (seed) request(v verb) any {
	switch v {
	case start:
		return seedStart{}
	case pause, resume, stop:
		return seedOperation{}
	}
	return nil
}

// arguments reads the JSON of a request. A body may be missing; what it should
// not have is an error, except for a GET, whose body means nothing.
func (seed) arguments(v verb, body []byte) (arguments, error) {
	var args arguments
	switch v {
	case start:
		var b seedStart
		if err := decode(body, &b, strict); err != nil {
			return args, err
		}
		args = arguments{
			operationContext: b.OperationContext, callback: b.RecordingStateCallbackURI,
			delay:        time.Duration(b.ComposingDelayMs) * time.Millisecond,
			pauseOnStart: b.PauseOnStart,
		}
	case pause, resume, stop:
		var b seedOperation
		if err := decode(body, &b, strict); err != nil {
			return args, err
		}
		args.operationContext = b.OperationContext
	}
	return args, args.check()
}

func (a arguments) check() error {
	if len(a.operationContext) > maxOperationContext {
		return invalid("operationContext", "it has more than %d bytes", maxOperationContext)
	}
	if a.callback == "" {
		return nil
	}
	if len(a.callback) > maxCallback {
		return invalid("recordingStateCallbackUri", "it has more than %d bytes", maxCallback)
	}
	if _, err := absoluteURL(a.callback); err != nil {
		return invalid("recordingStateCallbackUri", "%v", err)
	}
	return nil
}

// unknown says what to do about fields that are not known.
type unknown bool

const (
	strict  unknown = false // they are an error
	lenient unknown = true
)

// decode reads one JSON object, or nothing.
func decode(body []byte, dst any, others unknown) error {
	if len(body) > maxArguments {
		return invalid("", "the body has more than %d bytes", maxArguments)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if others == strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(dst); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("", "there is something after the JSON object")
	}
	return nil
}

func badJSON(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if t.Field == "" {
			return invalid("", "the body is a JSON %s, not an object", t.Value)
		}
		return invalid(t.Field, "it must be a %s, not a %s", t.Type, t.Value)
	}
	return invalid("", "the body is not the expected JSON: %v", err)
}

// answer is in the form of the document, which has an empty object where there
// is nothing to say.
func (seed) answer(v verb, done outcome) (status int, body any) {
	switch v {
	case start:
		return http.StatusOK, seedStarted{done.recording}
	case state:
		return http.StatusOK, seedState{done.state}
	default:
		return http.StatusOK, struct{}{}
	}
}

// flatError is the body of an error.
type flatError struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Target  string      `json:"target,omitempty"`
	Details []flatError `json:"details"`
}

// failure keeps to the statuses of the document for what an operation can come
// to, and to those of HTTP for what never got that far, or has no room.
func (seed) failure(v verb, p *problem) (status int, body any) {
	status = p.status
	switch {
	case status == http.StatusRequestedRangeNotSatisfiable:
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusMethodNotAllowed,
		status == http.StatusRequestEntityTooLarge, status == http.StatusTooManyRequests,
		status == http.StatusServiceUnavailable:
	case status == http.StatusNotFound && v == start:
	case status >= http.StatusInternalServerError:
		status = http.StatusInternalServerError
	default:
		status = http.StatusBadRequest
	}
	return status, flat(p)
}

func flat(p *problem) flatError {
	return flatError{Code: p.code, Message: p.message, Target: p.target, Details: []flatError{}}
}

// own is callreel's own part of the API, in the style of the seed with the
// statuses that HTTP has.
type own struct{ seed }

var _ dialect = own{}

func (own) failure(_ verb, p *problem) (status int, body any) { return p.status, flat(p) }
