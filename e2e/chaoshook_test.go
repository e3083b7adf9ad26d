package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// chaosHook is a webhook that fails now and then: of some events it refuses the
// first request, of others it breaks off the answer.
type chaosHook struct {
	*httptest.Server
	mu  sync.Mutex
	rng *rand.Rand
	got map[string]*told // by ID
	all int              // requests
}

// told is an event as it came.
type told struct {
	what, subject string
	at            time.Time
	data          toldData
	taken         int // requests that were answered well
	times         int
}

// toldData is what the events of all types say, as far as it matters.
type toldData struct {
	ValidationCode, RecordingID, State, CorrelationID, ServerCallID, ParticipantID string
	CallLegID, CallState                                                           string
}

func newChaosHook(t *testing.T, seed uint64) *chaosHook {
	h := &chaosHook{rng: rand.New(rand.NewPCG(seed, 2)), got: make(map[string]*told)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // its sender was killed
		}
		var got []struct {
			ID, Subject, EventType, Type string
			EventTime, Time              time.Time
			Data                         toldData
		}
		if err := errors.Join(err, json.Unmarshal(body, &got)); err != nil || len(got) != 1 {
			t.Errorf("%v: %s", err, body)
			return
		}
		e := got[0]
		if r.Header.Get("Aeg-Event-Type") == "SubscriptionValidation" {
			_, _ = io.WriteString(w, `{"validationResponse":"`+e.Data.ValidationCode+`"}`)
			return
		}
		switch h.take(e.ID, told{what: e.EventType + e.Type, subject: e.Subject, at: later(e.EventTime, e.Time), data: e.Data}) {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// take notes an event and says how to answer: well, with an error, or not at all.
func (h *chaosHook) take(id string, e told) (how int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all++
	seen := h.got[id]
	if seen == nil {
		seen = &e
		h.got[id] = seen
		if chance := h.rng.IntN(20); chance < 2 {
			how = 1 + chance
		}
	}
	seen.times++
	if how == 0 {
		seen.taken++
	}
	return how
}

// events returns what has come so far.
func (h *chaosHook) events() (all map[string]told, requests int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all = make(map[string]told)
	for id, e := range h.got {
		all[id] = *e
	}
	return all, h.all
}
