package control

import (
	"container/list"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// DefaultRateLimit is how many requests a client may make each second.
const DefaultRateLimit = 100

const (
	burstSeconds = 2      // of a client's requests may come at once
	failureShare = 10     // of a client's requests, one in so many may have wrong credentials
	maxLimited   = 10_000 // clients that are counted
)

// limits bounds the requests of each client, and the failed attempts to be let
// in of each address. Nil bounds nothing.
type limits struct {
	requests, failures *limiter
}

// newLimits makes limits for so many requests a second: 0 for the default,
// negative for none.
func newLimits(perSecond float64) *limits {
	if perSecond < 0 {
		return nil
	}
	if perSecond == 0 {
		perSecond = DefaultRateLimit
	}
	return &limits{newLimiter(perSecond), newLimiter(perSecond / failureShare)}
}

// take counts a request. Wrong credentials are counted for the address, but don't
// keep those from being let in who share it and have the right ones.
func (l *limits) take(c caller, remote string) error {
	if l == nil {
		return nil
	}
	wait := l.requests.take(c.client, time.Now())
	if c.failed() {
		wait = max(wait, l.failures.take(remote, time.Now()))
	}
	if wait == 0 {
		return nil
	}
	return &problem{
		status: http.StatusTooManyRequests, code: codeTooMany, message: "there are too many requests: come again later",
		retryAfter: int(math.Ceil(wait.Seconds())),
	}
}

// limiter bounds the rates of clients. It knows the last maxLimited of them: one
// that was forgotten begins anew.
type limiter struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex
	clients map[string]*list.Element // of limited
	recent  *list.List               // the last one first
}

type limited struct {
	client string
	bucket *rate.Limiter
}

func newLimiter(perSecond float64) *limiter {
	return &limiter{
		rate: rate.Limit(perSecond), burst: max(1, int(math.Ceil(perSecond*burstSeconds))),
		clients: make(map[string]*list.Element), recent: list.New(),
	}
}

// take takes one from what a client may still do, or returns how long there is
// nothing to take.
func (l *limiter) take(client string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.bucket(client).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// bucket finds a client's; l.mu is held.
func (l *limiter) bucket(client string) *rate.Limiter {
	if e := l.clients[client]; e != nil {
		l.recent.MoveToFront(e)
		return e.Value.(limited).bucket
	}
	if len(l.clients) >= maxLimited {
		last := l.recent.Remove(l.recent.Back()).(limited)
		delete(l.clients, last.client)
	}
	b := rate.NewLimiter(l.rate, l.burst)
	l.clients[client] = l.recent.PushFront(limited{client, b})
	return b
}
