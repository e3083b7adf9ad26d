package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/hmacauth"
	"github.com/callreel/callreel/internal/token"
)

// nested is the code of an error in the form of the released API.
func (a answer) nested() string {
	a.t.Helper()
	var e struct {
		Error struct {
			Code, Message, Target string
			Details               []any
		}
	}
	d := json.NewDecoder(strings.NewReader(a.Body.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Error.Message == "" {
		a.t.Errorf("not a nested error: %s, %v", a.Body, err)
	}
	return e.Error.Code
}

const locator = `{"callLocator":{"serverCallId":"room-1","kind":"serverCallLocator"}}`

// walkCalling sends requests of the released API.
func (r *rig) walkCalling(steps []step, id string) {
	r.t.Helper()
	for _, s := range steps {
		path := strings.ReplaceAll(s.path, "RID", id)
		a := r.do(s.method, path, s.body)
		got := strings.ReplaceAll(a.Body.String(), id, "RID")
		if s.status >= 400 {
			got = a.nested()
		}
		if a.Code != s.status || got != s.want {
			r.t.Errorf("%s %s %.80s: %d %s, want %d %s", s.method, path, s.body, a.Code, a.Body, s.status, s.want)
		}
	}
}

func (r *rig) startCalling(version, body string) string {
	r.t.Helper()
	a := r.do("POST", "/calling/recordings?api-version="+version, body)
	var b struct{ RecordingID string }
	if a.Code != 200 {
		r.t.Fatalf("start: %d %s", a.Code, a.Body)
	}
	a.json(&b)
	return b.RecordingID
}

// The statuses are those that the SDKs take for success, and no other is.
func TestCalling(t *testing.T) {
	const (
		v        = "?api-version=2026-03-12"
		path     = "/calling/recordings/RID"
		active   = `{"recordingId":"RID","recordingState":"active","recordingKind":"azureCommunicationServices"}`
		inactive = `{"recordingId":"RID","recordingState":"inactive","recordingKind":"azureCommunicationServices"}`
	)
	r := newRig(t, nil)
	id := r.startCalling("2026-03-12", locator)
	r.walkCalling([]step{
		{"GET", path + v, "", 200, active},
		{"GET", path, "", 200, active},
		{"GET", "/Calling/Recordings/RID" + v, "", 200, active},
		{"POST", path + ":pause" + v, "", 202, ""},
		{"GET", path + v, "", 200, inactive},
		{"POST", path + ":pause" + v, "", 202, ""},
		{"POST", path + ":RESUME" + v, "", 202, ""},
		{"POST", path + "/:pause" + v, "", 202, ""},
		{"POST", path + "/:resume" + v, "", 202, ""},
		{"GET", path + v, "", 200, active},

		{"POST", "/calling/recordings" + v, locator, 400, "8553"},
		{"POST", "/calling/recordings" + v, `{"callConnectionId":"room-1"}`, 400, "8553"},
		{"GET", "/calling/recordings/rid%3D1%2F2" + v, "", 404, "8522"},
		{"POST", "/calling/recordings/none:pause" + v, "", 404, "8522"},
		{"DELETE", "/calling/recordings/none" + v, "", 404, "8522"},
		{"PUT", path + v, "", 405, "8520"},
		{"POST", path + v, "", 405, "8520"},

		{"DELETE", path + v, "", 204, ""},
		{"GET", path + v, "", 404, "8522"},
		{"DELETE", path + v, "", 204, ""},
		{"POST", path + ":pause" + v, "", 404, "8522"},
	}, id)
}

func TestCallingArguments(t *testing.T) {
	with := func(more string) string { return strings.TrimSuffix(locator, "}") + "," + more + "}" }
	r := newRig(t, nil)
	for _, c := range []struct {
		body   string
		status int
		code   string
		target string
	}{
		{"", 400, "8523", "callLocator"},
		{"{}", 400, "8523", "callLocator"},
		{"[]", 400, "8523", ""},
		{`{"callLocator":{"kind":"serverCallLocator"}}`, 400, "8523", "callLocator.serverCallId"},
		{`{"callLocator":{"kind":"groupCallLocator","serverCallId":"a"}}`, 400, "8523", "callLocator.groupCallId"},
		{`{"callLocator":{"kind":"elsewhere","serverCallId":"a"}}`, 400, "8523", "callLocator.kind"},
		{`{"callLocator":{"kind":"roomCallLocator","roomId":"\u0000"}}`, 400, "8523", "callLocator.roomId"},
		{with(`"callConnectionId":"c"`), 400, "8523", "callLocator"},
		{with(`"recordingContentType":"audio"`), 400, "8562", "recordingContentType"},
		{with(`"recordingChannelType":"unmixed"`), 400, "8562", "recordingChannelType"},
		{with(`"recordingFormatType":"wav"`), 400, "8557", "recordingFormatType"},
		{with(`"recordingFormatType":"mp3"`), 400, "8557", "recordingFormatType"},
		{with(`"recordingFormatType":"mkv"`), 400, "8523", "recordingFormatType"},
		{with(`"recordingFormatType":4`), 400, "8523", "recordingFormatType"},
		{with(`"externalStorage":{"recordingStorageKind":"azureBlobStorage","recordingDestinationContainerUrl":"https://a/b"}`), 400, "8562", "externalStorage.recordingStorageKind"},
		{with(`"recordingStateCallbackUri":"/relative"`), 400, "8523", "recordingStateCallbackUri"},
		{with(`"pauseOnStart":"yes"`), 400, "8523", "pauseOnStart"},
		{with(`"audioChannelParticipantOrdering":"ann"`), 400, "8523", "audioChannelParticipantOrdering"},
		{with(`"audioChannelParticipantOrdering":[{}]`), 400, "8523", "audioChannelParticipantOrdering[0]"},
		{with(`"audioChannelParticipantOrdering":[{"kind":"communicationUser","rawId":"8:a"}]`), 400, "8523", "audioChannelParticipantOrdering[0].communicationUser"},
		{with(`"audioChannelParticipantOrdering":[{"rawId":"8:a"},{"kind":"phoneNumber","communicationUser":{"id":"8:a"}}]`), 400, "8523", "audioChannelParticipantOrdering[1].kind"},
		{with(`"audioChannelParticipantOrdering":[{"communicationUser":{"id":"8:a"},"phoneNumber":{"value":"+1"}}]`), 400, "8523", "audioChannelParticipantOrdering[0]"},
		{with(`"audioChannelParticipantOrdering":[{"communicationUser":{"id":""}}]`), 400, "8523", "audioChannelParticipantOrdering[0]"},
		{with(`"audioChannelParticipantOrdering":[{"rawId":"1"},{"rawId":"2"},{"rawId":"3"},{"rawId":"4"},{"rawId":"5"},{"rawId":"6"}]`), 400, "8523", "audioChannelParticipantOrdering"},
		{with(`"channelAffinity":[{"channel":5,"participant":{"rawId":"8:a"}}]`), 400, "8523", "channelAffinity[0].channel"},
		{with(`"channelAffinity":[{"channel":0,"participant":{"rawId":"8:a"}},{"channel":0,"participant":{"rawId":"8:b"}}]`), 400, "8523", "channelAffinity[1].channel"},
		{with(`"channelAffinity":[{"channel":0}]`), 400, "8523", "channelAffinity[0].participant"},
	} {
		a := r.do("POST", "/calling/recordings?api-version=2026-03-12", c.body)
		if a.Code != c.status || a.nested() != c.code || c.target != "" && !strings.Contains(a.Body.String(), `"`+c.target+`"`) {
			t.Errorf("%s: %d %s, want %d %s about %s", c.body, a.Code, a.Body, c.status, c.code, c.target)
		}
	}
	named := r.do("POST", "/calling/recordings?api-version=2026-03-12", strings.Replace(with(`"audioChannelParticipantOrdering":[
		{"kind":"communicationUser","rawId":"8:acs:a_b","communicationUser":{"id":"8:acs:a_b"}},
		{"kind":"phoneNumber","rawId":"4:+15551230000","phoneNumber":{"value":"+15551230000","isAnonymous":false}},
		{"kind":"microsoftTeamsUser","rawId":"8:orgid:oid1","microsoftTeamsUser":{"userId":"oid1","isAnonymous":false,"cloud":"public"}},
		{"kind":"unknown","rawId":"x"}],"channelAffinity":[{"channel":4,"participant":{"rawId":"8:a"}}]`), "room-1", "room-named", 1))
	if named.Code != 200 {
		t.Errorf("%d %s", named.Code, named.Body)
	}
	full := with(`"callConnectionId":null,"recordingContentType":"audioVideo","recordingChannelType":"mixed","recordingFormatType":"mp4",
		"audioChannelParticipantOrdering":null,"channelAffinity":null,"pauseOnStart":true,"newInTenYears":{"a":[1]},
		"externalStorage":{"recordingStorageKind":"azureCommunicationServices"},"recordingStateCallbackUri":"https://example.com/cb"`)
	a := r.do("POST", "/calling/recordings?api-version=2024-04-15", full, "Repeatability-Request-ID", "one", "X-Ms-Client-Request-Id", "mine")
	again := r.do("POST", "/calling/recordings?api-version=2024-04-15", full, "Repeatability-Request-ID", "one")
	if a.Code != 200 || !strings.Contains(a.Body.String(), `"recordingState":"inactive"`) || again.Code != 200 || again.Body.String() != a.Body.String() {
		t.Errorf("%d %s, again %d %s", a.Code, a.Body, again.Code, again.Body)
	}
	if h := a.Header(); h.Get("Repeatability-Result") != "accepted" || h.Get("X-Ms-Client-Request-Id") != "mine" {
		t.Errorf("%v", h)
	}
}

// The ways to name a call lead to conversations of these IDs.
func TestCallingLocators(t *testing.T) {
	for conversation, body := range map[string]string{
		"server":                     `{"callLocator":{"kind":"serverCallLocator","serverCallId":"server"}}`,
		"https://example.com/conv/1": `{"callLocator":{"kind":"serverCallLocator","serverCallId":"` + b64("https://example.com/conv/1") + `=="}}`,
		"group":                      `{"callLocator":{"kind":"groupCallLocator","groupCallId":"group"}}`,
		"room":                       `{"callLocator":{"kind":"roomCallLocator","roomId":"room"}}`,
		"connection":                 `{"callConnectionId":"connection"}`,
	} {
		r := newRig(t, nil)
		id := r.startCalling("2026-03-12", body)
		if rec, ok := r.engine.Recording(id); !ok || rec.Conversation().ID() != conversation {
			t.Errorf("%s: %v", body, rec)
		}
		r.close()
	}
}

// The clients of 2021 want other statuses.
func TestCallingBetas(t *testing.T) {
	for _, c := range []struct{ version, start, path, body string }{
		{"2021-06-15-preview", "/calling/serverCalls/room-1/recordings", "/calling/serverCalls/room-1/recordings/RID", `{"recordingStateCallbackUri":"https://a.test/"}`},
		{"2021-08-30-preview", "/calling/recordings", "/calling/recordings/RID", locator},
	} {
		t.Run(c.version, func(t *testing.T) {
			r := newRig(t, nil)
			v := "?api-version=" + c.version
			a := r.do("POST", c.start+v, c.body)
			var b struct{ RecordingID string }
			if a.json(&b); a.Code != 200 || strings.Contains(a.Body.String(), "recordingKind") {
				t.Fatalf("%d %s", a.Code, a.Body)
			}
			r.walkCalling([]step{
				{"POST", c.start + v, c.body, 400, "8553"},
				{"GET", c.path + v, "", 200, `{"recordingState":"active"}`},
				{"POST", c.path + "/:pause" + v, "", 200, ""},
				{"GET", c.path + v, "", 200, `{"recordingState":"inactive"}`},
				{"POST", c.path + "/:resume" + v, "", 200, ""},
				{"GET", strings.Replace(c.path, "RID", "none", 1) + v, "", 404, "8522"},
				{"DELETE", c.path + v, "", 200, ""},
				{"GET", c.path + v, "", 404, "8522"},
			}, b.RecordingID)
		})
	}
}

// One recording is reached by all dialects.
func TestDialectsShareRecordings(t *testing.T) {
	r := newRig(t, nil)
	id := r.start("room-1")
	r.walkCalling([]step{{"POST", "/calling/recordings/RID:pause", "", 202, ""}}, id)
	r.walk([]step{{"GET", "/conversations/room-1/recordings/RID", "", 200, `{"recordingState":"inactive"}`}}, id)
}

func TestSignedRequests(t *testing.T) {
	second := []byte("another key that is good at the same time")
	r := newRig(t, func(c *control.Config) { c.AccessKeys = append(c.AccessKeys, second) })
	do := func(method, path, body string, key []byte, spoil func(*http.Request)) answer {
		req := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
		hmacauth.Sign(req, key, []byte(body), time.Now())
		if spoil != nil {
			spoil(req)
		}
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		return answer{w, t}
	}
	const path = "/calling/recordings?api-version=2026-03-12"
	if a := do("POST", path, locator, accessKey, nil); a.Code != 200 {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if a := do("GET", "/recordings", "", second, nil); a.Code != 200 {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	for what, spoil := range map[string]func(*http.Request){
		"path": func(q *http.Request) {
			q.RequestURI, q.URL.Path = "/calling/recordings/x:pause", "/calling/recordings/x:pause"
		},
		"query": func(q *http.Request) {
			q.RequestURI = "/calling/recordings?api-version=2021-08-30-preview"
			q.URL.Host = ""
		},
		"date": func(q *http.Request) {
			q.Header.Set("X-Ms-Date", time.Now().Add(-16*time.Minute).Format(http.TimeFormat))
		},
		"body": func(q *http.Request) { q.Body = http.NoBody },
	} {
		if a := do("POST", path, locator, accessKey, spoil); a.Code != 401 || a.nested() != "Denied" {
			t.Errorf("another %s: %d %s", what, a.Code, a.Body)
		}
	}
	if a := do("POST", path, locator, []byte("a key that is not the server's, though long"), nil); a.Code != 401 {
		t.Errorf("another key: %d %s", a.Code, a.Body)
	}
	if a := do("POST", "/whip/room-1", "v=0", accessKey, nil); a.Code != 403 && a.Code != 401 {
		t.Errorf("publishing with a signature: %d %s", a.Code, a.Body)
	}
}

func TestCallingKeepsToTheTokensConversation(t *testing.T) {
	r := newRig(t, nil)
	id := r.start("room-1")
	tok := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Control}, Conversation: "room-2"})
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/calling/recordings", locator},
		{"GET", "/calling/recordings/" + id, ""},
		{"POST", "/calling/recordings/" + id + ":pause", ""},
		{"DELETE", "/calling/recordings/" + id, ""},
	} {
		if a := r.do(c.method, c.path, c.body, "Authorization", tok); a.Code != 404 && a.Code != 403 {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.Code, a.Body)
		}
	}
	if rec, _ := r.engine.Recording(id); rec == nil || rec.State().String() != "active" {
		t.Error("a token for another conversation changed the recording")
	}
}
