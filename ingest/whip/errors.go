package whip

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Errors that Config.Sink and Config.Authorize return, wrapped or not, to choose
// the answer.
var (
	ErrUnauthorized = errors.New("whip: not authorized")          // status 401
	ErrForbidden    = errors.New("whip: not allowed")             // status 403
	ErrNotFound     = errors.New("whip: not found")               // status 404
	ErrUnavailable  = errors.New("whip: no capacity, come again") // status 503
)

// Reasons why a session ends.
var (
	ErrServerClosed = errors.New("whip: server closed")
	ErrDeleted      = errors.New("whip: deleted by the publisher")
	ErrReplaced     = errors.New("whip: replaced by a newer session")
	ErrLost         = errors.New("whip: connection lost")
	ErrTooMuch      = errors.New("whip: too many streams in a session")
	ErrHungUp       = errors.New("whip: connection closed by the publisher")
)

// retryAfter is how many seconds a publisher is told to wait when the server is full.
const retryAfter = 5

// statusError is an error that the publisher is told as it is.
type statusError struct {
	status  int
	code    string
	message string
}

func (e *statusError) Error() string { return e.message }

func malformed(format string, args ...any) error {
	return &statusError{http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...)}
}

func unprocessable(format string, args ...any) error {
	return &statusError{http.StatusUnprocessableEntity, "UnprocessableContent", fmt.Sprintf(format, args...)}
}

// toStatus finds the answer for err. What the publisher can't do anything about
// is not told.
func toStatus(err error) *statusError {
	var known *statusError
	if errors.As(err, &known) {
		return known
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &statusError{http.StatusRequestEntityTooLarge, "ContentTooLarge", "the request body is too large"}
	}
	for _, m := range []struct {
		err error
		statusError
	}{
		{ErrUnauthorized, statusError{http.StatusUnauthorized, "Unauthorized", err.Error()}},
		{ErrForbidden, statusError{http.StatusForbidden, "Forbidden", err.Error()}},
		{ErrNotFound, statusError{http.StatusNotFound, "NotFound", err.Error()}},
		{ErrUnavailable, statusError{http.StatusServiceUnavailable, "ServiceUnavailable", err.Error()}},
		{ErrServerClosed, statusError{http.StatusServiceUnavailable, "ServiceUnavailable", err.Error()}},
	} {
		if errors.Is(err, m.err) {
			return &m.statusError
		}
	}
	return &statusError{http.StatusInternalServerError, "InternalServerError", "the server failed"}
}

// problem is the body of an error, as the control API's.
type problem struct {
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Target  string    `json:"target,omitempty"`
	Details []problem `json:"details,omitempty"`
}

// fail answers with err.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := toStatus(err)
	s.log.Debug("request refused", "method", r.Method, "status", e.status, "error", err)
	if s.cfg.Hooks.Refused != nil {
		s.cfg.Hooks.Refused(e.status)
	}
	h := w.Header()
	switch e.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	body, err := json.Marshal(problem{Code: e.code, Message: e.message})
	if err != nil {
		panic(err) // two strings
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // the publisher may be gone
}
