package control

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/callreel/callreel/storage"
)

const (
	readyFor     = 10 * time.Second // an answer of the checks is good
	notReadyFor  = 2 * time.Second
	checkTimeout = 5 * time.Second
	// probeKey is written to the store and deleted. No recording has such a name.
	probeKey = "readiness.probe"
)

// check is something that the server needs for its work.
type check struct {
	name string
	do   func(context.Context) error
}

// readiness tells whether the server can do its work. What it needs is tried out
// now and then, not for each who asks.
type readiness struct {
	checks []check

	mu     sync.Mutex
	asked  time.Time // zero: never
	failed []string  // names
	log    func(name string, err error)
}

// try does the check, in a time of its own.
func (c check) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return c.do(ctx)
}

// checks are what the server needs.
func (s *Server) checks() []check {
	return []check{
		{"spool", func(context.Context) error { return s.cfg.Engine.CheckSpool() }},
		{"store", s.probeStore},
		{"state", s.cfg.Cluster.Ready},
	}
}

// probeStore writes to the store.
func (s *Server) probeStore(ctx context.Context) error {
	_, err := s.cfg.Store.Put(ctx, probeKey, strings.NewReader("probe"), "text/plain")
	if err != nil {
		return err
	}
	if err := s.cfg.Store.Delete(ctx, probeKey); !errors.Is(err, storage.ErrNotExist) { // another probe's
		return err
	}
	return nil
}

// failing returns what is not working.
func (r *readiness) failing(ctx context.Context) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	good := readyFor
	if len(r.failed) > 0 {
		good = notReadyFor
	}
	if now := time.Now(); r.asked.IsZero() || now.Sub(r.asked) >= good {
		r.run(context.WithoutCancel(ctx)) // others wait for the answer too
		r.asked = time.Now()
	}
	return r.failed
}

func (r *readiness) run(ctx context.Context) {
	r.failed = nil
	for _, c := range r.checks {
		if err := c.try(ctx); err != nil {
			r.failed = append(r.failed, c.name)
			r.log(c.name, err)
		}
	}
}

// readyAnswer is the body of an answer of /readyz.
type readyAnswer struct {
	Status  string   `json:"status"`
	Failing []string `json:"failing,omitempty"`
}

// ready says whether the server should get work: not while it closes, nor if it
// can't write. If it is full it says so. The reasons are in the log; here are their names only, for
// whoever asks.
func (s *Server) ready(w http.ResponseWriter, r *http.Request, _ call) error {
	if s.host.Closed() {
		reply(w, http.StatusServiceUnavailable, readyAnswer{"closing", nil})
		return nil
	}
	if failing := s.readiness.failing(r.Context()); len(failing) > 0 {
		reply(w, http.StatusServiceUnavailable, readyAnswer{"failing", failing})
		return nil
	}
	if s.cfg.Admission >= 0 && s.measure().Available == 0 { // and yet requests for what runs must come here
		reply(w, http.StatusOK, readyAnswer{"full", nil})
		return nil
	}
	reply(w, http.StatusOK, readyAnswer{"ready", nil})
	return nil
}
