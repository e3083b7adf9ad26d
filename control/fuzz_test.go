package control_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRoutes sends whatever comes: no request may panic, be redirected, or be
// answered by something else than JSON where it is the API's.
func FuzzRoutes(f *testing.F) {
	for _, seed := range []struct{ method, path, body string }{
		{"POST", "/conversations/room/Recordings", `{"operationContext":"a","recordingStateCallbackUri":"http://a"}`},
		{"GET", "//conversations/aHR0cHM6Ly9hL2I=/RECORDINGS/x/", "{}"},
		{"DELETE", "/conversations/../recordings/%2F", `{"operationContext":1}`},
		{"POST", "/conversations/%zz/recordings/x/Pause", `[`},
		{"HEAD", "/recording/download/0-x/metadata", ""},
		{"GET", "/recordings?limit=x", ""},
		{"GET", "/call/a/state", ""},
		{"OPTIONS", "/", ""},
	} {
		f.Add(seed.method, seed.path, seed.body)
	}
	r := newRig(f, nil)
	for _, room := range []string{"one", "two", "three"} { // there is no room for more
		r.start(room)
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "/whip") || method == "" {
			t.Skip("net/http refuses this target before any handler sees it")
		}
		req := httptest.NewRequest("GET", "/", strings.NewReader(body))
		req.Method, req.URL, req.RequestURI = method, u, target
		req.Header.Set("Authorization", "Bearer "+r.token)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		switch {
		case strings.HasPrefix(u.EscapedPath(), "/call/"):
		case w.Code >= 300 && w.Code < 400, w.Code >= 500 && !strings.Contains(w.Body.String(), "no room"):
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		case w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()):
			t.Errorf("%s %q: not JSON: %s", method, target, w.Body)
		}
	})
}
