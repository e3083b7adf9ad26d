package worker

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/callreel/callreel"
)

// outbox holds the events that the server has not been told yet, in order. The
// engine must not be kept waiting.
type outbox struct {
	mu     sync.Mutex
	events []callreel.Event
	told   uint64        // all so far
	wake   chan struct{} // holds one
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

func (o *outbox) add(e callreel.Event) {
	o.mu.Lock()
	o.events = append(o.events, e)
	o.told++
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default: // it is awake
	}
}

// count returns how many events there were.
func (o *outbox) count() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.told
}

func (o *outbox) take() []callreel.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.events
	o.events = nil
	return all
}

// ServeHTTP tells all events as they come, one JSON object after the other, until
// the server has heard enough.
func (o *outbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	for flush.Flush() == nil {
		for _, e := range o.take() {
			if err := out.Encode(wireEvent(e)); err != nil {
				return // the server is gone: see child.serve
			}
		}
		if flush.Flush() != nil {
			return
		}
		select {
		case <-o.wake:
		case <-r.Context().Done():
			return
		}
	}
}
