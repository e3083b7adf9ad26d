package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
)

// The Go client signs with the access key, as Azure's do.
func TestClientSigns(t *testing.T) {
	t.Parallel()
	s := serveTLS(t, "")
	api, err := client.New(client.Config{Endpoint: s.url, AccessKey: s.keyBytes(), HTTPClient: s.http})
	must(t, err)
	id, err := api.StartRecording(t.Context(), "room 1/?", client.StartOptions{OperationContext: "mine"})
	must(t, err)
	state, err := api.RecordingState(t.Context(), "room 1/?", id)
	if err != nil || state != client.Active {
		t.Errorf("%s, %v", state, err)
	}
	must(t, api.StopRecording(t.Context(), "room 1/?", id))
	for r, err := range api.Recordings(t.Context(), client.RecordingFilter{}) {
		if err != nil || r.ID != id {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// events is a webhook in the schema of Event Grid. It knows the events by ID.
type events struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
	what map[string]string // the types
}

func receive(t *testing.T) *events {
	t.Helper()
	e := &events{seen: make(map[string]int), what: make(map[string]string)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var got []struct {
			ID        string
			EventType string
			Data      struct{ ValidationCode string }
		}
		if err := errors.Join(err, json.Unmarshal(body, &got)); err != nil || len(got) != 1 {
			t.Errorf("%v: %s", err, body)
			return
		}
		if r.Header.Get("Aeg-Event-Type") == "SubscriptionValidation" {
			_, _ = io.WriteString(w, `{"validationResponse":"`+got[0].Data.ValidationCode+`"}`)
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.seen[got[0].ID]++
		e.what[got[0].ID] = got[0].EventType
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *events) times(id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[id]
}

// of returns how many events of a type have come.
func (e *events) of(what string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, times := range e.seen {
		if e.what[id] == what {
			n += times
		}
	}
	return n
}

// What the Go client offers beside the operations on a recording.
func TestClientManages(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t, webhookFlags...), t.Context()
	api, err := client.New(client.Config{Endpoint: s.url, Token: s.token})
	must(t, err)
	hook := receive(t)
	sub, err := api.PutSubscription(ctx, "hook", client.SubscriptionConfig{Endpoint: hook.URL + "?secret=1"})
	if err != nil || sub.State != client.SubscriptionActive || sub.Endpoint != hook.URL {
		t.Fatalf("%+v, %v", sub, err)
	}
	begin := time.Now()
	a := record(t, api, "room-a")
	b := record(t, api, "room-b")
	running, err := api.StartRecording(ctx, "room-a", client.StartOptions{PauseOnStart: true})
	must(t, err)
	for want, f := range map[string]client.RecordingFilter{
		running + b + a: {PageSize: 1},
		running + a:     {Conversation: "room-a"},
		b + a:           {States: []string{"completed", "failed"}, From: begin},
		running:         {States: []string{"paused"}},
		"":              {To: begin.Add(-time.Minute)},
	} {
		if got := list(t, api, f); got != want {
			t.Errorf("%+v: %s, want %s", f, got, want)
		}
	}
	checkReplay(t, api, hook)
	checkDeletion(t, api, a, b, running)
	if now, err := api.Capacity(ctx); err != nil || now.Running != 1 || now.Cores <= 0 {
		t.Errorf("capacity %+v, %v", now, err)
	}
	must(t, api.DeleteSubscription(ctx, "hook"))
	if all, err := api.Subscriptions(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// record makes a short recording.
func record(t *testing.T, api *client.Client, conversation string) (id string) {
	t.Helper()
	id, err := api.StartRecording(t.Context(), conversation, client.StartOptions{})
	must(t, err)
	pass(t, time.Second)
	must(t, api.StopRecording(t.Context(), conversation, id))
	return id
}

// list returns the IDs of recordings, one behind the other.
func list(t *testing.T, api *client.Client, f client.RecordingFilter) (ids string) {
	t.Helper()
	for r, err := range api.Recordings(t.Context(), f) {
		must(t, err)
		ids += r.ID
	}
	return ids
}

// checkReplay lets an event be delivered twice.
func checkReplay(t *testing.T, api *client.Client, hook *events) {
	t.Helper()
	var ids []string
	eventually(t, func() (bool, string) {
		ids = nil
		for e, err := range api.Events(t.Context(), client.EventFilter{Type: "Microsoft.Communication.RecordingFileStatusUpdated", PageSize: 1}) {
			must(t, err)
			ids = append(ids, e.Event.ID)
		}
		return len(ids) == 2 && !slices.ContainsFunc(ids, func(id string) bool { return hook.times(id) == 0 }), "two files"
	})
	if n, err := api.Replay(t.Context(), "hook", client.Replay{IDs: ids[1:]}); err != nil || n != 1 {
		t.Errorf("%d replayed, %v", n, err)
	}
	eventually(t, func() (bool, string) { return hook.times(ids[1]) > 1, "the event once more" })
}

// checkDeletion deletes a recording, the only file of another, and not one that runs.
func checkDeletion(t *testing.T, api *client.Client, a, b, running string) {
	t.Helper()
	ctx := t.Context()
	refused, ok := errors.AsType[*client.Error](api.DeleteRecording(ctx, running))
	if !ok || refused.Code != "8585" {
		t.Errorf("a recording that runs is deleted: %v", refused)
	}
	for id, remove := range map[string]func(document string) error{
		a: func(string) error { return api.DeleteRecording(ctx, a) },
		b: func(document string) error { return api.DeleteDocument(ctx, document) },
	} {
		r, err := api.Recording(ctx, id)
		must(t, err)
		must(t, remove(r.Chunks[0].DocumentID))
		_, err = api.DownloadRecording(ctx, r.Chunks[0].DocumentID, io.Discard)
		if gone, ok := errors.AsType[*client.Error](err); !ok || gone.Code != "8522" {
			t.Errorf("the file of a deleted recording: %v", err)
		}
	}
}
