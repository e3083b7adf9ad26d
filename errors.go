package callreel

import (
	"errors"
	"fmt"

	"github.com/callreel/callreel/internal/fault"
)

// Errors that a caller can tell apart with errors.Is. The kind of each (see
// internal/fault) says who must act; the server's status codes follow it.
var (
	// ErrBusy: the conversation has a recording, and only one can run at a time.
	ErrBusy = fault.Caller.Wrap(errors.New("a recording is already in progress in this conversation"))
	// ErrFull: Config.MaxRecordings recordings are running.
	ErrFull = fault.Internal.Wrap(errors.New("no room for another recording"))
	// ErrSpool: there is no room in the spool for another recording, or it can't
	// be written to.
	ErrSpool = fault.Internal.Wrap(errors.New("the spool can't take another recording"))
	// ErrClosed: the engine, the conversation or the recording has ended.
	ErrClosed = fault.Caller.Wrap(errors.New("closed"))
	// ErrLimit: a participant or a conversation has as much as Config.Limits allow.
	ErrLimit = fault.Caller.Wrap(errors.New("beyond the limits"))
	// ErrInvalid marks an argument that can't be used.
	ErrInvalid = fault.Caller.Wrap(errors.New("invalid argument"))
)

// StateError says that an operation does not fit the state of a recording.
type StateError struct {
	Operation string
	State     State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("can't %s a recording that is %s", e.Operation, e.State)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
