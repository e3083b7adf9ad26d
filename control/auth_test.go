package control_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/hmacauth"
	"github.com/callreel/callreel/internal/token"
)

func TestScopes(t *testing.T) {
	r := newRig(t, nil)
	id := r.start("room")
	r.put("0-old", "", nil)
	scoped := func(conversation string, scopes ...token.Scope) string {
		return "Bearer " + r.sign(token.Claims{Scopes: scopes, Conversation: conversation, Participant: "ann"})
	}
	control, read := scoped("", token.Control), scoped("", token.Read)
	mine, other := scoped("room", token.Control, token.Read), scoped("other", token.Control, token.Read)
	publish := scoped("room", token.Publish)
	expired := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Control}, Expires: time.Now().Add(-time.Second)})
	call := "/conversations/room/recordings/" + id
	for _, c := range []struct {
		method, path, authorization string
		status                      int
	}{
		{"GET", call, "", 401},
		{"GET", call, "Basic YTpi", 401},
		{"GET", call, "Bearer x", 401},
		{"GET", call, control + "x", 401},
		{"GET", call, expired, 401},
		{"GET", call, publish, 403},
		{"GET", call, other, 403},
		{"GET", call, read, 200},
		{"GET", call, control, 200},
		{"GET", call, mine, 200},
		{"POST", call + "/Pause", read, 403},
		{"POST", call + "/Pause", publish, 403},
		{"POST", call + "/Pause", other, 403},
		{"POST", call + "/Pause", "", 401},
		{"POST", call + "/Pause", mine, 200},
		{"POST", "/conversations/room2/Recordings", read, 403},
		{"POST", "/conversations/room2/Recordings", mine, 403},
		{"DELETE", call, read, 403},
		{"GET", "/recording/download/0-old", "", 401},
		{"GET", "/recording/download/0-old", control, 403},
		{"GET", "/recording/download/0-old", read, 200},
		{"GET", "/recording/download/0-old", mine, 400},
		{"GET", "/recordings", "", 401},
		{"GET", "/recordings", publish, 403},
		{"GET", "/recordings", read, 200},
		{"GET", "/recordings/" + id, mine, 200},
		{"GET", "/recordings/" + id, other, 404},
		{"GET", "/conversations", control, 200},
		{"GET", "/conversations/room", other, 403},
		{"GET", "/call/room/state", "", 401},
		{"GET", "/call/room/state", publish, 200},
		{"GET", "/call/room/state", other, 403},
		{"GET", "/call/room", "", 200},
		{"GET", "/healthz", "", 200},
		{"GET", "/", "", 200},
		{"POST", "/whip/room", "", 401},
		{"POST", "/whip/room", mine, 403},
		{"POST", "/whip/other", publish, 403},
		{"POST", "/whip/room", publish, 415}, // let in; there is no offer
		{"POST", "/whip/room?participant=bob", "", 401},
	} {
		a := r.do(c.method, c.path, "", "Authorization", c.authorization)
		if a.Code != c.status {
			t.Errorf("%s %s %.20s: %d %s, want %d", c.method, c.path, c.authorization, a.Code, a.Body, c.status)
		}
		if challenge := a.Header().Get("WWW-Authenticate"); a.Code == http.StatusUnauthorized && challenge != "Bearer" {
			t.Errorf("%s %s: challenge %q", c.method, c.path, challenge)
		}
	}
	for authorization, n := range map[string]int{mine: 1, other: 0} {
		for _, path := range []string{"/recordings", "/conversations"} {
			if got := strings.Count(r.do("GET", path, "", "Authorization", authorization).Body.String(), `"conversationId":`); got != n {
				t.Errorf("%s lists %d, want %d", path, got, n)
			}
		}
	}
}

// A token for a call's URL is good for its Base64 form too.
func TestTokenForURL(t *testing.T) {
	const u = "https://conv.example/1"
	r := newRig(t, nil)
	id := r.start(b64(u))
	for _, form := range []string{u, b64(u)} {
		tok := r.sign(token.Claims{Scopes: []token.Scope{token.Read}, Conversation: form})
		if a := r.do("GET", "/conversations/"+b64(u)+"/recordings/"+id, "", "Authorization", "Bearer "+tok); a.Code != 200 {
			t.Errorf("%s: %d %s", form, a.Code, a.Body)
		}
	}
}

func TestSecondAccessKey(t *testing.T) {
	next := []byte("another key of thirty-two bytes..")
	r := newRig(t, nil)
	rotated := newRig(t, func(c *control.Config) { c.AccessKeys = [][]byte{next, accessKey} })
	if a := rotated.do("GET", "/recordings", "", "Authorization", "Bearer "+r.token); a.Code != 200 {
		t.Errorf("old key: %d", a.Code)
	}
	if a := r.do("GET", "/recordings", "", "Authorization", "Bearer "+rotated.token); a.Code != 401 {
		t.Errorf("unknown key: %d", a.Code)
	}
}

// Keys that change while the server runs.
func TestKeysChange(t *testing.T) {
	first, second, third := accessKey, []byte("another key of thirty-two bytes.."), []byte("a third key, of thirty-two bytes.")
	keys := [][]byte{first, second}
	r := newRig(t, func(c *control.Config) { c.AccessKeys, c.CurrentKeys = nil, func() [][]byte { return keys } })
	old := r.token // of the first key
	keys = [][]byte{second, third}
	if a := r.do("GET", "/recordings", ""); a.Code != 401 {
		t.Errorf("a token of the key that is gone: %d", a.Code)
	}
	for _, key := range keys {
		req := httptest.NewRequest("GET", "http://127.0.0.1:8080/recordings", nil)
		hmacauth.Sign(req, key, nil, time.Now())
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != 200 {
			t.Errorf("signed with %q: %d %s", key, w.Code, w.Body)
		}
	}
	r.token = r.sign(token.Claims{Scopes: []token.Scope{token.Read}})
	if a := r.do("GET", "/recordings", ""); a.Code != 200 || r.token == old {
		t.Errorf("a token of the new primary key: %d", a.Code)
	}
	keys = nil
	if a := r.do("GET", "/recordings", ""); a.Code != 200 {
		t.Errorf("no keys at all: %d, want those that were", a.Code)
	}
}

// What the loopback default lets in, and what it keeps out.
func TestTrustLoopback(t *testing.T) {
	r := newRig(t, func(c *control.Config) { c.TrustLoopback, c.PublicURL = true, "http://call.test:8080" })
	const whip, page = "/whip/room?participant=ann&name=Ann", "/call/room/state"
	for _, c := range []struct {
		method, path, host string
		header             []string
		status             int
	}{
		{"POST", whip, "127.0.0.1:8080", nil, 415},
		{"POST", whip, "localhost", nil, 415},
		{"POST", whip, "[::1]:8080", nil, 415},
		{"POST", whip, "call.test:8080", nil, 415},
		{"POST", whip, "evil.example:8080", nil, 403},
		{"POST", whip, "127.0.0.1.evil.example", nil, 403},
		{"POST", whip, "192.0.2.1:8080", nil, 403},
		{"POST", whip, "localhost", []string{"Origin", "http://localhost"}, 415},
		{"POST", whip, "localhost", []string{"Origin", "http://localhost:81"}, 403},
		{"POST", whip, "localhost", []string{"Origin", "https://evil.example"}, 403},
		{"POST", whip, "localhost", []string{"Origin", "null"}, 403},
		{"POST", whip, "localhost", []string{"X-Forwarded-For", "192.0.2.1"}, 401},
		{"POST", whip, "localhost", []string{"Forwarded", "for=192.0.2.1"}, 401},
		{"POST", whip, "localhost", []string{"Authorization", "Bearer wrong"}, 401},
		{"POST", whip, "localhost", []string{"Authorization", "Bearer " + r.token}, 403},
		{"POST", "/whip/room", "localhost", nil, 400},
		{"POST", whip + "&role=boss", "localhost", nil, 403},
		{"OPTIONS", whip, "localhost", []string{"Origin", "https://app.example"}, 204},
		{"GET", page, "localhost", nil, 200},
		{"GET", page, "evil.example", nil, 403},
		{"GET", "/call/room", "localhost", nil, 200},
		{"GET", "/recordings", "localhost", nil, 401},
		{"POST", "/conversations/room/Recordings", "localhost", nil, 401},
		{"POST", "/conversations/room/Recordings", "localhost", []string{"Authorization", "Bearer " + r.token, "Origin", "https://app.example"}, 200},
	} {
		w := r.ask(c.method, c.path, c.host, c.header...)
		if w.Code != c.status {
			t.Errorf("%s %s at %s %v: %d %s, want %d", c.method, c.path, c.host, c.header, w.Code, w.Body, c.status)
		}
	}
}
