package events

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// delays are the waits after the first, second and further attempts, as Event
// Grid has them; after that it is the last of them.
var delays = [...]time.Duration{
	10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// jitter is what a wait may be longer than it is, as a fraction of it, so that
// not all come back at once. With it, all of delays still fits into a day.
const jitter = 0.05

// delayAfter is how long to wait after so many attempts, the last of which got
// that status; 0 if it got none.
func delayAfter(attempts, status int) time.Duration {
	d := delays[min(max(attempts, 1), len(delays))-1]
	switch status { // an endpoint that says so is given time
	case http.StatusNotFound:
		d = max(d, 5*time.Minute)
	case http.StatusRequestTimeout:
		d = max(d, 2*time.Minute)
	case http.StatusServiceUnavailable:
		d = max(d, 30*time.Second)
	}
	return d + rand.N(time.Duration(float64(d)*jitter))
}

// delivered reports whether an endpoint has taken an event.
func delivered(status int) bool { return status >= http.StatusOK && status <= http.StatusNoContent }

// hopeless reports whether an endpoint will never take an event.
func hopeless(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}
