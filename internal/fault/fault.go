// Package fault marks an error with who must act on it. One map from these
// kinds gives the HTTP status, the exit code and the grade of an event. It is
// not for telling errors apart within a package: sentinels do that.
package fault

import "errors"

// Kind says who must act.
type Kind uint8

// The kinds of fault.
const (
	Internal    Kind = iota // we must: a bug, or this machine is out of something
	Caller                  // who asked must: the request cannot be met as it is
	Source                  // who sends media must: the call, its SFU, a stream
	Destination             // who owns the storage or the callback address must
)

func (k Kind) String() string {
	switch k {
	case Caller:
		return "caller"
	case Source:
		return "source"
	case Destination:
		return "destination"
	default:
		return "internal"
	}
}

// Wrap marks err with k. An error that is marked already keeps its mark, as the
// code nearest to the cause knows best. Wrap of nil is nil. The text of err is
// unchanged, and errors.Is and errors.As see through the mark.
func (k Kind) Wrap(err error) error {
	var m *marked
	if err == nil || errors.As(err, &m) {
		return err
	}
	return &marked{kind: k, err: err}
}

// Of returns the kind that err is marked with. Without a mark it is Internal:
// what nobody thought of is ours.
func Of(err error) Kind {
	var m *marked
	if errors.As(err, &m) {
		return m.kind
	}
	return Internal
}

type marked struct {
	kind Kind
	err  error
}

func (m *marked) Error() string { return m.err.Error() }
func (m *marked) Unwrap() error { return m.err }
