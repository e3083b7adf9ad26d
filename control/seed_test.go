package control_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/callreel/callreel/control"
)

// step is a request and what must come of it: a code where it must fail, JSON
// where it must not.
type step struct {
	method, path, body string
	status             int
	want               string
}

func (r *rig) walk(steps []step, recording string) {
	r.t.Helper()
	for _, s := range steps {
		path := strings.ReplaceAll(s.path, "RID", recording)
		a := r.do(s.method, path, s.body)
		got := a.Body.String()
		if s.status >= 400 {
			got = a.code()
		}
		if a.Code != s.status || got != s.want {
			r.t.Errorf("%s %s %.60s: %d %s, want %d %s", s.method, path, s.body, a.Code, a.Body, s.status, s.want)
		}
	}
}

// The requests of the document and what is near to them, in this order.
func TestSeed(t *testing.T) {
	const (
		active, inactive = `{"recordingState":"active"}`, `{"recordingState":"inactive"}`
		call             = "/conversations/room-1/recordings"
		long             = "0123456789abcdef"
	)
	r := newRig(t, nil)
	id := r.start("room-1")
	r.walk([]step{
		{"GET", call + "/RID", "{}", 200, active},
		{"GET", call + "/RID", "", 200, active},
		{"GET", call + "/RID", "garbage", 200, active},
		{"GET", "/CONVERSATIONS/room-1/RECORDINGS/RID", "", 200, active},
		{"GET", "//conversations/room-1/Recordings/RID//", "", 200, active},
		{"GET", "/conversations/ROOM-1/recordings/RID", "", 400, "8522"},
		{"GET", "/conversations/room-2/recordings/RID", "", 400, "8522"},
		{"GET", call + "/other", "", 400, "8522"},
		{"GET", call + "/..%2F..%2Fetc", "", 400, "8522"},
		{"GET", call + "/%00", "", 400, "8522"},
		{"GET", "/conversations//recordings/RID", "", 400, "8523"},
		{"GET", "/conversations/%0A/recordings/RID", "", 400, "8523"},
		{"GET", "/conversations/%FF/recordings/RID", "", 400, "8523"},
		{"GET", "/conversations/room-1/../room-1/recordings/RID", "", 404, "8522"},

		{"POST", call + "/RID/Pause", `{"operationContext":"a"}`, 200, `{}`},
		{"GET", call + "/RID", "", 200, inactive},
		{"POST", call + "/RID/pause", "", 200, `{}`},
		{"POST", call + "/RID/PAUSE/", " ", 200, `{}`},
		{"GET", call + "/RID", "", 200, inactive},
		{"POST", call + "/RID/Resume", "{}", 200, `{}`},
		{"GET", call + "/RID", "", 200, active},
		{"POST", call + "/RID/resume", "null", 200, `{}`},
		{"POST", call + "/RID/Pause", `{"operationContext":1}`, 400, "8523"},
		{"POST", call + "/RID/Pause", `{"unknown":1}`, 400, "8523"},
		{"POST", call + "/RID/Pause", `[]`, 400, "8523"},
		{"POST", call + "/RID/Pause", `{}{}`, 400, "8523"},
		{"POST", call + "/RID/Pause", `{`, 400, "8523"},
		{"POST", call + "/RID/Pause", `{"recordingStateCallbackUri":"http://a"}`, 400, "8523"},
		{"GET", call + "/RID", "", 200, active},
		{"POST", call + "/other/Pause", "", 400, "8522"},
		{"POST", call + "/other/Resume", "", 400, "8522"},
		{"DELETE", call + "/other", "", 400, "8522"},
		{"DELETE", "/conversations/room-2/recordings/RID", "", 400, "8522"},

		{"POST", call, "{}", 400, "8553"},
		{"POST", "/conversations/room-2/Recordings", `{"operationContext":{}}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"recordingStateCallbackUri":"/relative"}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"composingDelayMs":100}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"composingDelayMs":-1}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"composingDelayMs":"1 s"}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"pauseOnStart":"yes"}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"recordingStateCallbackUri":"ftp://a/b"}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"recordingStateCallbackUri":"http://a/` + strings.Repeat(long, 300) + `"}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"operationContext":"` + strings.Repeat(long, 300) + `"}`, 400, "8523"},
		{"POST", "/conversations/room-2/Recordings", `{"operationContext":"` + strings.Repeat(long, 5000) + `"}`, 400, "8523"},
		{"POST", "/conversations/" + strings.Repeat(long, 65) + "/Recordings", "", 400, "8523"},
		{"POST", "/conversations//Recordings", "", 400, "8523"},

		{"PUT", call + "/RID", "", 405, "8520"},
		{"POST", call + "/RID", "", 405, "8520"},
		{"GET", call + "/RID/Pause", "", 405, "8520"},
		{"DELETE", call, "", 405, "8520"},
		{"GET", call + "/RID/Rewind", "", 404, "8522"},
		{"GET", call + "/RID/Pause/more", "", 404, "8522"},
		{"GET", "/nothing", "", 404, "8522"},

		{"DELETE", call + "/RID", `{"operationContext":"b"}`, 200, `{}`},
		{"GET", call + "/RID", "", 400, "8522"},
		{"POST", call + "/RID/Resume", "", 400, "8522"},
		{"DELETE", call + "/RID", "", 200, `{}`},
		{"DELETE", "/conversations/room-2/recordings/RID", "", 400, "8522"},
	}, id)
	if again := r.start("room-1"); again == id {
		t.Error("two recordings have the same ID")
	}
}

func TestStartPaused(t *testing.T) {
	r := newRig(t, nil)
	a := r.do("POST", "/conversations/room/Recordings", `{"pauseOnStart":true}`)
	var begun struct{ RecordingID string }
	a.json(&begun)
	const call = "/conversations/room/recordings/RID"
	r.walk([]step{
		{"GET", call, "", 200, `{"recordingState":"inactive"}`},
		{"POST", call + "/resume", "", 200, `{}`},
		{"GET", call, "", 200, `{"recordingState":"active"}`},
	}, begun.RecordingID)
}

func TestStartKeepsWhoAsked(t *testing.T) {
	r := newRig(t, nil)
	a := r.do("POST", "/conversations/room/Recordings",
		`{"operationContext":"mine","recordingStateCallbackUri":"https://user:pw@example.com/cb?secret=1"}`)
	var started struct{ RecordingID string }
	a.json(&started)
	var d struct{ OperationContext, RecordingStateCallbackURI, State string }
	r.do("GET", "/recordings/"+started.RecordingID, "").json(&d)
	if d.OperationContext != "mine" || d.RecordingStateCallbackURI != "https://example.com/cb" || d.State != "active" {
		t.Errorf("%+v", d)
	}
}

// A client that got no answer sends the same request again.
func TestStartRepeated(t *testing.T) {
	r := newRig(t, nil)
	path := "/conversations/room/Recordings"
	first := r.do("POST", path, "", "Repeatability-Request-ID", "one")
	again := r.do("POST", path, "", "Repeatability-Request-ID", "one")
	if first.Code != 200 || again.Code != 200 || again.Body.String() != first.Body.String() {
		t.Errorf("%d %s, then %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	if other := r.do("POST", path, "", "Repeatability-Request-ID", "two"); other.code() != "8553" {
		t.Errorf("%s", other.Body)
	}
	if other := r.do("POST", "/conversations/elsewhere/Recordings", "", "Repeatability-Request-ID", "one"); other.Code != 200 || other.Body.String() == first.Body.String() {
		t.Errorf("%s", other.Body)
	}
}

func TestNoRoom(t *testing.T) {
	r := newRig(t, nil)
	for i := range 3 {
		r.start(fmt.Sprint("room", i))
	}
	a := r.do("POST", "/conversations/one-more/Recordings", "")
	if a.Code != http.StatusServiceUnavailable || a.code() != "9999" || a.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	r.close()
	if a := r.do("POST", "/conversations/one-more/Recordings", ""); a.Code != http.StatusServiceUnavailable || a.code() != "9999" {
		t.Errorf("after closing: %d %s", a.Code, a.Body)
	}
}

// A call published under its URL is the one that clients name by Base64 of it,
// and nothing else is.
func TestConversationIDs(t *testing.T) {
	const u = "https://conv.example:443/conv/AbC?i=0&e=~"
	r := newRig(t, nil)
	id := r.start(b64(u))
	encoded := map[string]int{
		b64(u):        200,
		b64(u) + "=":  200,
		b64(u) + "==": 200,
		"https%3A%2F%2Fconv.example%3A443%2Fconv%2FAbC%3Fi=0&e=~":            200,
		strings.ReplaceAll(strings.ReplaceAll(b64(u), "-", "+"), "_", "%2F"): 200,
		b64(u + "x"):                 400,
		b64(u)[1:]:                   400,
		strings.ToLower(b64(u)):      400,
		b64("https://conv.example/"): 400,
	}
	for form, status := range encoded {
		if a := r.do("GET", "/conversations/"+form+"/recordings/"+id, ""); a.Code != status {
			t.Errorf("%s: %d %s", form, a.Code, a.Body)
		}
	}
	if conv, ok := r.engine.Lookup(u); !ok || conv.Info().Recording.ID() != id {
		t.Error("the engine does not know the call by its URL")
	}
	for _, opaque := range []string{"a%2Fb", "a_b", "room=", "room", "..", "%2E%2E", "日本", "//%20"} {
		r2 := r.do("GET", "/conversations/"+opaque, "")
		if r2.Code != 404 || r2.code() != "8522" {
			t.Errorf("%s: %d %s", opaque, r2.Code, r2.Body)
		}
	}
	other := r.start("a%2Fb")
	if a := r.do("GET", "/conversations/a_b/recordings/"+other, ""); a.Code != 400 {
		t.Error("two opaque ids mean the same conversation")
	}
}

func TestNewChecks(t *testing.T) {
	r := newRig(t, nil)
	for name, cfg := range map[string]control.Config{
		"nothing":    {},
		"no key":     {Engine: r.engine, Store: r.store},
		"empty key":  {Engine: r.engine, Store: r.store, AccessKeys: [][]byte{{}}},
		"public URL": {Engine: r.engine, Store: r.store, AccessKeys: [][]byte{accessKey}, PublicURL: "example.com"},
	} {
		if _, err := control.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
