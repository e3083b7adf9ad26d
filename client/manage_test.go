package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/hmacauth"
)

// answers are bodies by request, in the order in which they are given.
type answers map[string][]string

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Method + " " + r.URL.RequestURI()
	if len(a[key]) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = io.WriteString(w, a[key][0])
	a[key] = a[key][1:]
}

func (s *server) checkRequests(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.seen, want) {
		t.Errorf("requests:\n%s", strings.Join(s.seen, "\n"))
	}
}

func TestRecordingsPageByPage(t *testing.T) {
	const first = "GET /recordings?conversation=room+1%2F%3F&from=2026-12-01T09%3A00%3A00Z&limit=2&state=completed&state=failed&to=2026-12-02T00%3A00%3A00Z"
	const second = "GET /recordings?conversation=room+1%2F%3F&cursor=c%2F2&from=2026-12-01T09%3A00%3A00Z&limit=2&state=completed&state=failed&to=2026-12-02T00%3A00%3A00Z"
	filter := client.RecordingFilter{
		Conversation: "room 1/?", States: []string{"completed", "failed"}, PageSize: 2,
		From: time.Date(2026, 12, 1, 10, 0, 0, 0, time.FixedZone("", 3600)), To: time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC),
	}
	for stop, want := range map[int][]string{1: {first}, 2: {first}, 3: {first, second}, 9: {first, second}} {
		s := &server{handle: answers{
			first:  {`{"recordings":[{"recordingId":"a"},{"recordingId":"b"}],"nextCursor":"c/2"}`},
			second: {`{"recordings":[{"recordingId":"c"}]}`},
		}.ServeHTTP}
		var got []string
		for r, err := range connect(t, s).Recordings(t.Context(), filter) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, r.ID); len(got) == stop {
				break
			}
		}
		if strings.Join(got, "") != "abc"[:min(stop, 3)] {
			t.Errorf("%q, stopped after %d", got, stop)
		}
		s.checkRequests(t, want...)
	}
}

func TestRecordingsEndWithAnError(t *testing.T) {
	s := &server{handle: answers{"GET /recordings": {`{"recordings":[{"recordingId":"a"}],"nextCursor":"x"}`}}.ServeHTTP}
	var ids []string
	var errs []error
	for r, err := range connect(t, s).Recordings(t.Context(), client.RecordingFilter{}) {
		ids, errs = append(ids, r.ID), append(errs, err)
	}
	refused, ok := errors.AsType[*client.Error](errors.Join(errs...))
	if !ok || refused.StatusCode != http.StatusNotFound || !slices.Equal(ids, []string{"a", ""}) || errs[0] != nil {
		t.Errorf("%q, %v", ids, errs)
	}
	s.checkRequests(t, "GET /recordings", "GET /recordings?cursor=x")
}

func TestDetails(t *testing.T) {
	const doc = `{"recordingId":"r","conversationId":"room","state":"deleted","startTime":"2026-12-01T10:00:00Z","endTime":"2026-12-01T10:00:09Z",` +
		`"durationMs":8000,"chunks":[{"documentId":"0-r","index":0,"startTime":"2026-12-01T10:00:00Z","durationMs":8000,"bytes":5,"endReason":"SessionEnded",` +
		`"deleted":true}],"pauses":[],"participants":[],"timeline":[{"time":"2026-12-01T10:00:01Z","positionMs":1000,"what":"joined","participantId":"ann"}]}`
	s := &server{handle: answers{"GET /recordings/r": {doc}}.ServeHTTP}
	r, err := connect(t, s).Recording(t.Context(), "r")
	if err != nil || !r.Ended() || r.Timeline[0].Participant != "ann" {
		t.Errorf("%+v, %v", r, err)
	}
	if again, err := json.Marshal(r); err != nil || string(again) != doc {
		t.Errorf("%v: a field is lost:\n%s", err, again)
	}
}

func TestDeleteAndLook(t *testing.T) {
	const answer = `{"running":2,"cores":4,"coresPerRecording":0.5,"available":0}`
	s := &server{handle: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }}
	c, ctx := connect(t, s), t.Context()
	if err := errors.Join(c.DeleteRecording(ctx, "r/1"), c.DeleteDocument(ctx, "0-r/1")); err != nil {
		t.Error(err)
	}
	if doc, err := c.Report(ctx, "r"); err != nil || string(doc) != answer {
		t.Errorf("%s, %v", doc, err)
	}
	if now, err := c.Capacity(ctx); err != nil || now.Running != 2 || now.Cores != 4 || now.CoresPerRecording != 0.5 || now.Available != 0 || now.Maximum != 0 {
		t.Errorf("%+v, %v", now, err)
	}
	s.checkRequests(t, "DELETE /recordings/r%2F1", "DELETE /v1/objects/0-r%2F1", "GET /recordings/r/report", "GET /capacity")
}

func TestSubscriptions(t *testing.T) {
	const one = `{"name":"my-hook","endpoint":"https://hook.test/e","schema":"CloudEventSchemaV1_0","headers":["X-A"],"signed":true,
		"maxDeliveryAttempts":3,"eventTimeToLiveMinutes":60,"state":"Active","pending":2,"oldestPending":"2026-12-01T10:00:00Z"}`
	s := &server{handle: answers{
		"PUT /subscriptions/my-hook":    {one},
		"GET /subscriptions":            {`{"subscriptions":[` + one + `]}`},
		"GET /subscriptions/my-hook":    {one},
		"DELETE /subscriptions/my-hook": {`{}`},
	}.ServeHTTP}
	c, ctx := connect(t, s), t.Context()
	check := func(got client.Subscription, err error) {
		t.Helper()
		if err != nil || got.Name != "my-hook" || got.Schema != client.CloudEvents || got.State != client.SubscriptionActive || !got.Signed ||
			got.Headers[0] != "X-A" || got.MaxDeliveryAttempts != 3 || got.EventTimeToLiveMinutes != 60 || got.Pending != 2 || got.OldestPending.Hour() != 10 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	check(c.PutSubscription(ctx, "my-hook", client.SubscriptionConfig{
		Endpoint: "https://hook.test/e?secret", Schema: client.CloudEvents, EventTypes: []string{"T"}, Headers: map[string]string{"X-A": "v"},
		SigningKey: []byte("a key of twenty-four or more"), MaxDeliveryAttempts: 3, EventTimeToLiveMinutes: 60,
	}))
	all, err := c.Subscriptions(ctx)
	check(append(all, client.Subscription{})[0], err)
	check(c.Subscription(ctx, "my-hook"))
	if err := c.DeleteSubscription(ctx, "my-hook"); err != nil {
		t.Error(err)
	}
	want := `{"endpoint":"https://hook.test/e?secret","schema":"CloudEventSchemaV1_0","eventTypes":["T"],"headers":{"X-A":"v"},` +
		`"signingKey":"YSBrZXkgb2YgdHdlbnR5LWZvdXIgb3IgbW9yZQ==","maxDeliveryAttempts":3,"eventTimeToLiveMinutes":60}`
	if s.bodies[0] != want {
		t.Errorf("body %s", s.bodies[0])
	}
	if _, err := c.PutSubscription(ctx, "other", client.SubscriptionConfig{Endpoint: "https://hook.test"}); err == nil {
		t.Error("a refusal is taken for success")
	}
	if last := s.bodies[len(s.bodies)-1]; last != `{"endpoint":"https://hook.test"}` {
		t.Errorf("the defaults are the server's to choose, but the body is %s", last)
	}
}

func TestReplay(t *testing.T) {
	from := time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	for want, which := range map[string]client.Replay{
		`{"ids":["a","b"]}`: {IDs: []string{"a", "b"}},
		`{"from":"2026-12-01T10:00:00Z","to":"2026-12-01T11:00:00Z"}`: {From: from, To: from.Add(time.Hour)},
		`{"deadLetters":true}`: {DeadLetters: true},
	} {
		s := &server{handle: answers{"POST /subscriptions/hook/replay": {`{"replayed":7}`}}.ServeHTTP}
		if n, err := connect(t, s).Replay(t.Context(), "hook", which); err != nil || n != 7 || s.bodies[0] != want {
			t.Errorf("%d, %v: %s", n, err, s.bodies[0])
		}
	}
}

func TestEvents(t *testing.T) {
	event := func(sequence, id string) string {
		return `{"sequence":` + sequence + `,"event":{"specversion":"1.0","id":"` + id + `","source":"s","type":"T","time":"2026-12-01T10:00:00Z","data":{"serverCallId":"c"}}}`
	}
	s := &server{handle: answers{
		"GET /events?after=3&limit=2&type=T": {`{"events":[` + event("4", "a") + `,` + event("7", "b") + `],"next":7}`},
		"GET /events?after=7&limit=2&type=T": {`{"events":[` + event("9", "c") + `],"next":9}`},
		"GET /events?after=9&limit=2&type=T": {`{"events":[],"next":9}`},
	}.ServeHTTP}
	ids, last := "", uint64(3)
	for e, err := range connect(t, s).Events(t.Context(), client.EventFilter{After: last, Type: "T", PageSize: 2}) {
		if err != nil || e.Sequence <= last || string(e.Event.Data) != `{"serverCallId":"c"}` || e.Event.Time.Hour() != 10 {
			t.Fatalf("%+v, %v", e, err)
		}
		ids, last = ids+e.Event.ID, e.Sequence
	}
	if ids != "abc" || len(s.seen) != 3 {
		t.Errorf("events %s after %q", ids, s.seen)
	}
}

// A request is signed anew each time it is repeated, as its date counts.
func TestAccessKey(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	synctest.Test(t, func(t *testing.T) {
		var dates []string
		s := &server{ids: map[string]bool{}}
		s.handle = func(w http.ResponseWriter, r *http.Request) {
			in := httptest.NewRequest(r.Method, r.URL.RequestURI(), nil)
			in.Host, in.Header = r.URL.Host, r.Header
			if err := (hmacauth.Verifier{Keys: [][]byte{key}, Tolerance: time.Second}).Verify(in, []byte(s.bodies[len(s.bodies)-1]), time.Now()); err != nil {
				t.Error(err)
			}
			dates = append(dates, r.Header.Get("X-Ms-Date"))
			if len(dates) == 1 {
				w.Header().Set("Retry-After", "20")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = io.WriteString(w, `{"recordingId":"r"}`)
		}
		c, err := client.New(client.Config{Endpoint: "https://server:8443", AccessKey: key, HTTPClient: &http.Client{Transport: s}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.StartRecording(t.Context(), "a b/c", client.StartOptions{OperationContext: "mine"}); err != nil {
			t.Error(err)
		}
		for _, err := range c.Recordings(t.Context(), client.RecordingFilter{Conversation: "a b+c:d"}) {
			if err != nil {
				t.Error(err)
			}
		}
		if len(dates) != 3 || dates[0] == dates[1] {
			t.Errorf("dates %q", dates)
		}
	})
	if _, err := client.New(client.Config{Endpoint: "https://server", AccessKey: key, Token: "tok"}); err == nil {
		t.Error("both a token and a key are taken")
	}
}
