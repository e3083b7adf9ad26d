package control

import (
	"context"
	"fmt"
	"time"
)

// intentKept is how long it is remembered that a recording was to begin of which
// nothing was heard.
const intentKept = 24 * time.Hour

// intend notes, durably, that a recording is about to begin: what whoever wants it
// said. If the server ends before it has made the record, and the recording has
// begun, add finds it here, and a repeated request is answered.
func (x *index) intend(ctx context.Context, r record) error {
	r.Intended = true
	x.mu.Lock()
	defer x.mu.Unlock()
	e := &entry{record: r}
	var err error
	if e.revision, err = x.store(ctx, &e.record, 0); err != nil {
		return fmt.Errorf("note what is to begin: %w", err)
	}
	x.intents[r.ID] = e
	return nil
}

// heed takes over what was said when the recording was to begin.
func (r *record) heed(intent *record) {
	r.CallID, r.ConnectionID, r.Context = intent.CallID, intent.ConnectionID, intent.Context
	r.CallbackURL, r.Request = intent.CallbackURL, intent.Request
}

// intended returns the ID of the recording that was to begin by a request.
func (x *index) intended(request, conversation string) (id string, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.intents {
		if request != "" && e.Request == request && e.Conversation == conversation {
			return e.ID, true
		}
	}
	return "", false
}

// forgetIntents drops what was to begin long ago and has not.
func (x *index) forgetIntents(ctx context.Context, now time.Time) error {
	x.mu.Lock()
	var old []string
	for id, e := range x.intents {
		if now.Sub(e.StartTime) > intentKept && e.Node == x.node {
			old = append(old, id)
		}
	}
	x.mu.Unlock()
	for _, id := range old {
		if err := x.forget(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
