package control_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/token"
)

// hooks are the endpoints of all hosts, without a network.
type hooks struct {
	mu   sync.Mutex
	got  []hooked
	down bool
}

type hooked struct{ host, query, kind, body string }

func (h *hooks) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch kind := r.Header.Get("Aeg-Event-Type"); {
	case h.down:
		w.WriteHeader(http.StatusBadGateway)
	case kind == "SubscriptionValidation":
		_, code, _ := strings.Cut(string(body), `"validationCode":"`)
		code, _, _ = strings.Cut(code, `"`)
		_, _ = io.WriteString(w, `{"validationResponse":"`+code+`"}`)
	default:
		h.got = append(h.got, hooked{r.URL.Host, r.URL.RawQuery, kind, string(body)})
	}
	return w.Result(), nil
}

// happened is what an endpoint was told, in the terms of the test.
type happened struct {
	ID, EventType, Type, Subject string
	Data                         struct {
		RecordingID, State, SessionEndReason, ServerCallID, CorrelationID, DisplayName, ParticipantID string
		Reason                                                                                        any
		RecordingDurationMs                                                                           int
		RecordingStorageInfo                                                                          struct {
			RecordingChunks []struct{ DocumentID, EndReason, ContentLocation, MetadataLocation, DeleteLocation string }
		}
	}
}

// told are the events that a host was sent, of some types.
func (h *hooks) told(t *testing.T, host string, types ...string) (out []happened) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.got {
		var list []happened
		if g.host != host {
			continue
		}
		if err := json.Unmarshal([]byte(g.body), &list); err != nil || len(list) != 1 {
			t.Fatalf("%s: %v", g.body, err)
		}
		if e := list[0]; len(types) == 0 || slices.Contains(types, e.EventType+e.Type) {
			out = append(out, e)
		}
	}
	return out
}

// states are those of recordings that a host was told, sorted.
func (h *hooks) states(t *testing.T, host string) (out []string) {
	t.Helper()
	for _, e := range h.told(t, host, stateChanged) {
		out = append(out, e.Data.State)
	}
	slices.Sort(out)
	return out
}

// forget drops what was sent so far.
func (h *hooks) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = nil
}

func (h *hooks) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

const (
	fileUpdated  = "Microsoft.Communication.RecordingFileStatusUpdated"
	stateChanged = "Microsoft.Communication.RecordingStateChanged"
)

// Whoever subscribed, and whoever started a recording, learns of all of it.
func TestEventsOfARecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		r := newRig(t, func(c *control.Config) { c.Webhooks.Transport, c.ListenURL = h, "http://127.0.0.1:8080" })
		defer r.close()
		if a := r.do("PUT", "/subscriptions/all", `{"endpoint":"https://hook.test/"}`); a.Code != http.StatusCreated {
			t.Fatal(a.Body)
		}
		const u = "https://conv.example:443/conv/AbC?i=0"
		conv, err := r.engine.Conversation(u)
		r.check(err)
		leave, err := conv.Join(ingest.Participant{ID: "8:acs:ann", Name: "Ann"})
		r.check(err)
		id := r.startCalling("2026-03-12", fmt.Sprintf(`{"callLocator":{"serverCallId":%q,"kind":"serverCallLocator"},"recordingStateCallbackUri":"https://app.test/cb?key=1"}`, b64(u)))
		path := "/calling/recordings/" + id
		time.Sleep(3 * time.Second)
		r.do("POST", path+":pause?api-version=2026-03-12", "")
		time.Sleep(time.Second)
		r.do("POST", path+":resume?api-version=2026-03-12", "")
		time.Sleep(time.Second)
		leave()
		r.do("DELETE", path+"?api-version=2026-03-12", "")
		synctest.Wait()

		var states []string
		for _, e := range h.told(t, "app.test") {
			if e.Type != stateChanged || e.Data.RecordingID != id || e.Data.ServerCallID != b64(u) || e.Data.CorrelationID == "" {
				t.Errorf("%+v", e)
			}
			states = append(states, e.Data.State)
		}
		if want := []string{"active", "inactive", "active", "inactive"}; !slices.Equal(states, want) {
			t.Errorf("states %q", states)
		}
		var kinds []string
		for _, e := range h.told(t, "hook.test") {
			kinds = append(kinds, strings.TrimPrefix(e.EventType, "Microsoft.Communication."))
			if strings.HasPrefix(e.EventType, "Microsoft.Communication.CallP") && (e.Data.DisplayName != "Ann" || e.Data.ParticipantID != "8:acs:ann" ||
				e.Subject != "call/"+b64(u)+"/participant/8:acs:ann") {
				t.Errorf("%+v", e)
			}
		}
		slices.Sort(kinds)
		if want := []string{"CallEnded", "CallLegStateChanged", "CallLegStateChanged", "CallParticipantAdded", "CallParticipantRemoved", "CallStarted", "RecordingFileStatusUpdated"}; !slices.Equal(kinds, want) {
			t.Errorf("told of %q", kinds)
		}
		files := h.told(t, "hook.test", fileUpdated)
		if len(files) != 1 {
			t.Fatalf("%d announcements", len(files))
		}
		d := files[0].Data
		chunk := d.RecordingStorageInfo.RecordingChunks[0]
		if d.RecordingID != id || d.SessionEndReason != "Stopped" || d.RecordingDurationMs < 3900 || d.RecordingDurationMs > 4200 ||
			chunk.EndReason != "SessionEnded" || !strings.Contains(files[0].Subject, "/serverCallId/"+b64(u)+"/recordingId/"+id) {
			t.Errorf("%+v", files[0])
		}
		for _, at := range []string{chunk.ContentLocation, chunk.MetadataLocation} {
			if a := r.do("GET", strings.TrimPrefix(at, "http://127.0.0.1:8080"), ""); a.Code != 200 || a.Body.Len() == 0 {
				t.Errorf("%s: %d", at, a.Code)
			}
		}
		if a := r.do("DELETE", strings.TrimPrefix(chunk.DeleteLocation, "http://127.0.0.1:8080"), ""); a.Code != 200 {
			t.Errorf("delete: %d %s", a.Code, a.Body)
		}
		synctest.Wait()
		if gone := h.told(t, "hook.test", "Callreel.RecordingDeleted"); len(gone) != 1 || gone[0].Data.RecordingID != id || gone[0].Data.Reason != "Requested" {
			t.Errorf("%+v", gone)
		}
		if a := r.do("GET", "/recordings/"+id, ""); !strings.Contains(a.Body.String(), `"state":"deleted"`) {
			t.Errorf("%s", a.Body)
		}
	})
}

// A recording that was paused from its start to its end leaves no file, and so
// nothing to announce.
func TestNothingToAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		r := newRig(t, func(c *control.Config) { c.Webhooks.Transport = h })
		defer r.close()
		r.do("PUT", "/subscriptions/all", `{"endpoint":"https://hook.test/"}`)
		id := r.startWith("room", `{"pauseOnStart":true}`)
		time.Sleep(time.Second)
		r.do("DELETE", "/conversations/room/recordings/"+id, "")
		synctest.Wait()
		if files := h.told(t, "hook.test", fileUpdated); len(files) != 0 {
			t.Errorf("%+v", files)
		}
	})
}

// A webhook that is away while the server ends, and a server that ends before it
// could tell: both learn of everything after the restart, once.
func TestEventsOutliveTheServer(t *testing.T) {
	h := &hooks{}
	withHooks := func(c *control.Config) { c.Webhooks.Transport = h }
	r := openRig(t, t.TempDir(), withHooks)
	if a := r.do("PUT", "/subscriptions/all", `{"endpoint":"https://hook.test/","signingKey":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}`); a.Code != http.StatusCreated {
		t.Fatal(a.Body)
	}
	h.set(true)
	id := r.startWith("room", `{"recordingStateCallbackUri":"https://app.test/"}`)
	await(t, "frames", func() bool {
		return strings.Contains(r.do("GET", "/metrics", "").Body.String(), "callreel_frames_total 2")
	})
	r.do("DELETE", "/conversations/room/recordings/"+id, "")
	r.close()
	if len(h.told(t, "hook.test")) != 0 {
		t.Fatal("told while it was away")
	}
	h.set(false)
	r = openRig(t, r.dir, withHooks)
	var subs struct {
		Subscriptions []struct {
			Name, State string
			Signed      bool
		}
	}
	r.do("GET", "/subscriptions", "").json(&subs)
	if len(subs.Subscriptions) != 1 || subs.Subscriptions[0].State != "Active" || !subs.Subscriptions[0].Signed {
		t.Errorf("%+v", subs)
	}
	// The schedule goes on where it was: ten seconds after the first attempt.
	await(t, "the events", func() bool {
		return len(h.told(t, "hook.test", fileUpdated)) == 1 && len(h.told(t, "app.test", stateChanged)) == 2
	})
}

// await waits for something that comes from another goroutine.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !done(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// A token for one conversation has no say in who is told of all.
func TestSubscriptionRights(t *testing.T) {
	r := newRig(t, func(c *control.Config) { c.Webhooks.Transport = &hooks{} })
	limited := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Control, token.Read}, Conversation: "room"})
	reader := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Read}})
	const sub = `{"endpoint":"https://hook.test/?s=1","headers":{"X-Key":"secret"}}`
	for _, c := range []struct {
		method, path, body, auth string
		want                     int
	}{
		{"PUT", "/subscriptions/one", sub, limited, 403},
		{"PUT", "/subscriptions/one", sub, reader, 403},
		{"PUT", "/subscriptions/one", sub, "", 401},
		{"PUT", "/subscriptions/one", sub, "Bearer " + r.token, 201},
		{"PUT", "/subscriptions/one", sub, "Bearer " + r.token, 200},
		{"PUT", "/subscriptions/one", `{"endpoint":"https://10.0.0.1/"}`, "Bearer " + r.token, 400},
		{"PUT", "/subscriptions/one", `{"endpoint":"https://a.test/","more":1}`, "Bearer " + r.token, 400},
		{"PUT", "/subscriptions/o", sub, "Bearer " + r.token, 400},
		{"PUT", "/subscriptions/one", `{"name":"two","endpoint":"https://a.test/"}`, "Bearer " + r.token, 400},
		{"GET", "/subscriptions", "", limited, 403},
		{"GET", "/subscriptions/one", "", reader, 200},
		{"GET", "/subscriptions/two", "", reader, 404},
		{"GET", "/subscriptions/one/validate?code=x", "", "", 404},
		{"GET", "/events", "", limited, 403},
		{"GET", "/events?limit=1&after=0", "", reader, 200},
		{"GET", "/events?after=x", "", reader, 400},
		{"POST", "/subscriptions/one/replay", `{"deadLetters":true}`, reader, 403},
		{"POST", "/subscriptions/one/replay", `{"deadLetters":true}`, "Bearer " + r.token, 200},
		{"POST", "/subscriptions/one/replay", `{}`, "Bearer " + r.token, 400},
		{"DELETE", "/subscriptions/one", "", reader, 403},
		{"DELETE", "/subscriptions/one", "", "Bearer " + r.token, 200},
		{"DELETE", "/subscriptions/one", "", "Bearer " + r.token, 404},
	} {
		a := r.do(c.method, c.path, c.body, "Authorization", c.auth)
		if a.Code != c.want || strings.Contains(a.Body.String(), "secret") || strings.Contains(a.Body.String(), "s=1") {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, a.Code, a.Body, c.want)
		}
	}
}

// A callback must be one that may be called.
func TestCallbackIsGuarded(t *testing.T) {
	r := newRig(t, nil)
	for uri, want := range map[string]int{
		"https://169.254.169.254/latest": 400, "https://[::1]/": 400, "https://10.0.0.1/": 400,
		"http://127.0.0.1:9/": 200, // allowed by the rig's configuration
	} {
		if a := r.do("POST", "/conversations/room/Recordings", fmt.Sprintf(`{"recordingStateCallbackUri":%q}`, uri)); a.Code != want {
			t.Errorf("%s: %d %s", uri, a.Code, a.Body)
		}
	}
}

// Files go when they have been kept for long enough, with all that belongs to
// them, and that is told.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		r := newRig(t, func(c *control.Config) {
			c.Webhooks.Transport, c.Retention = h, time.Hour
			c.Recording.Capture = true
		})
		defer r.close()
		r.do("PUT", "/subscriptions/all", `{"endpoint":"https://hook.test/"}`)
		id := r.start("room")
		time.Sleep(time.Second)
		r.do("DELETE", "/conversations/room/recordings/"+id, "")
		running := r.start("room")
		objects := func() (keys []string) {
			for info, err := range r.store.List(t.Context(), id) {
				r.check(err)
				keys = append(keys, strings.TrimPrefix(info.Key, id+"/"))
			}
			return keys
		}
		if got, want := objects(), []string{"0.json", "0.mp4", "capture.pcapng", "recording.json", "report.json"}; !slices.Equal(got, want) {
			t.Errorf("objects %q", got)
		}
		document := "/recording/download/" + callreel.DocumentID(id, 0)
		time.Sleep(58 * time.Minute)
		if a := r.do("GET", document, ""); a.Code != 200 {
			t.Errorf("after 58 min: %d", a.Code)
		}
		time.Sleep(190 * time.Second) // it is looked for each minute
		r.renew()
		if got := objects(); len(got) != 0 {
			t.Errorf("left: %q", got)
		}
		if a := r.do("GET", document, ""); a.Code != 400 || a.code() != "8522" {
			t.Errorf("after an hour: %d", a.Code)
		}
		if gone := h.told(t, "hook.test", "Callreel.RecordingDeleted"); len(gone) != 1 || gone[0].Data.Reason != "RetentionExpired" {
			t.Errorf("%+v", gone)
		}
		if a := r.do("GET", "/recordings?state=deleted", ""); strings.Count(a.Body.String(), id) == 0 {
			t.Errorf("%s", a.Body)
		}
		if a := r.do("GET", "/recordings/"+running, ""); !strings.Contains(a.Body.String(), `"endReason":"CallEnded"`) {
			t.Errorf("%s", a.Body) // after a minute without anybody
		}
		time.Sleep(31 * 24 * time.Hour)
		r.renew()
		if a := r.do("GET", "/recordings/"+id, ""); a.Code != 404 {
			t.Errorf("after a month: %d", a.Code)
		}
	})
}

func TestKeptForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *control.Config) { c.Retention = -1 })
		defer r.close()
		id := r.start("room")
		time.Sleep(time.Second)
		r.do("DELETE", "/conversations/room/recordings/"+id, "")
		time.Sleep(1000 * time.Hour)
		r.renew()
		if a := r.do("GET", "/recording/download/"+callreel.DocumentID(id, 0), ""); a.Code != 200 {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	})
}

func TestDeleteRecording(t *testing.T) {
	r := newRig(t, nil)
	id := r.start("room")
	if a := r.do("DELETE", "/recordings/"+id, ""); a.Code != 400 || a.code() != "8585" {
		t.Errorf("while it runs: %d %s", a.Code, a.Body)
	}
	r.do("DELETE", "/conversations/room/recordings/"+id, "")
	limited := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Control}, Conversation: "other"})
	for _, c := range []struct {
		path, auth string
		want       int
	}{{id, limited, 404}, {"none", "", 404}, {id, "", 200}, {id, "", 404}} {
		auth := c.auth
		if auth == "" {
			auth = "Bearer " + r.token
		}
		if a := r.do("DELETE", "/recordings/"+c.path, "", "Authorization", auth); a.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.path, a.Code, a.Body, c.want)
		}
	}
}
