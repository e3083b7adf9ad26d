package control

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/events"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/hmacauth"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage"
)

// The codes of errors, which Azure Communication Services has documented.
const (
	codeDenied           = "Denied"
	codeForbidden        = "7504"
	codeMethodNotAllowed = "8520"
	codeNotFound         = "8522"
	codeInvalid          = "8523"
	codeBusy             = "8553"
	codeFormat           = "8557" // wrong format
	codeMode             = "8562" // mode not supported
	codeState            = "8585" // not valid in the current state
	codeInternal         = "9999"
	codeTooMany          = "TooManyRequests" // there is none of the service's
)

// retrySeconds is how long a client is told to wait when there is no room.
const retrySeconds = 5

// problem is a failure in the form in which a client is told of it.
type problem struct {
	status  int // by HTTP's meaning; a dialect may have fewer
	code    string
	message string
	target  string // the parameter that is wrong
	allow   string // the methods that are possible

	retryAfter int // seconds after which the same may be possible; 0: never
}

func (p *problem) Error() string { return p.message }

func notFound(message string) error {
	return &problem{status: http.StatusNotFound, code: codeNotFound, message: message}
}

func invalid(target, format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, code: codeInvalid, message: fmt.Sprintf(format, args...), target: target}
}

func internalProblem() *problem {
	return &problem{status: http.StatusInternalServerError, code: codeInternal, message: "Unknown internal server error."}
}

// known are the errors of the packages below that mean something to a client.
func known() []struct {
	err    error
	status int
	code   string
} {
	return []struct {
		err    error
		status int
		code   string
	}{
		{callreel.ErrBusy, http.StatusBadRequest, codeBusy},
		{callreel.ErrFull, http.StatusServiceUnavailable, codeInternal},
		{callreel.ErrSpool, http.StatusServiceUnavailable, codeInternal},
		{callreel.ErrClosed, http.StatusServiceUnavailable, codeInternal},
		{callreel.ErrInvalid, http.StatusBadRequest, codeInvalid},
		{events.ErrNoSubscription, http.StatusNotFound, codeNotFound},
		{storage.ErrNotExist, http.StatusNotFound, codeNotFound},
		{storage.ErrKey, http.StatusNotFound, codeNotFound},
		{token.ErrScope, http.StatusForbidden, codeForbidden},
		{token.ErrConversation, http.StatusForbidden, codeForbidden},
		{hmacauth.ErrMissing, http.StatusUnauthorized, codeDenied},
		{hmacauth.ErrMalformed, http.StatusUnauthorized, codeDenied},
		{hmacauth.ErrDate, http.StatusUnauthorized, codeDenied},
		{hmacauth.ErrBody, http.StatusUnauthorized, codeDenied},
		{hmacauth.ErrSignature, http.StatusUnauthorized, codeDenied},
		{token.ErrMissing, http.StatusUnauthorized, codeDenied},
		{token.ErrMalformed, http.StatusUnauthorized, codeDenied},
		{token.ErrSignature, http.StatusUnauthorized, codeDenied},
		{token.ErrExpired, http.StatusUnauthorized, codeDenied},
		{token.ErrNotYetValid, http.StatusUnauthorized, codeDenied},
	}
}

// toProblem finds what to tell a client of err. What it can do nothing about,
// it is not told.
func toProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[*callreel.StateError](err); ok {
		return &problem{status: http.StatusBadRequest, code: codeState, message: err.Error()}
	}
	for _, k := range known() {
		if errors.Is(err, k.err) {
			p := &problem{status: k.status, code: k.code, message: err.Error()}
			if p.status == http.StatusServiceUnavailable {
				p.message, p.retryAfter = k.err.Error(), retrySeconds // the rest is about this machine
			}
			return p
		}
	}
	if fault.Of(err) == fault.Caller {
		return &problem{status: http.StatusBadRequest, code: codeInvalid, message: err.Error()}
	}
	return internalProblem()
}
