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
	for _, seed := range []struct{ method, path, version, header, value, body string }{
		{"POST", "/conversations/room/Recordings", "", "Range", "bytes=0-", `{"operationContext":"a","recordingStateCallbackUri":"http://a"}`},
		{"GET", "//conversations/aHR0cHM6Ly9hL2I=/RECORDINGS/x/", "", "", "", "{}"},
		{"DELETE", "/conversations/../recordings/%2F", "", "If-Match", "*", `{"operationContext":1}`},
		{"POST", "/conversations/%zz/recordings/x/Pause", "", "", "", `[`},
		{"POST", "/calling/recordings", "2026-03-12", "Repeatability-Request-ID", "x", `{"callLocator":{"kind":"roomCallLocator","roomId":"r"}}`},
		{"POST", "/calling/recordings/a:b:pause", "2021-08-30-preview", "X-Ms-Client-Request-Id", "x", ""},
		{"DELETE", "/calling/recordings/%3apause", "2021-", "X-Forwarded-For", "x", ""},
		{"GET", "/calling/serverCalls/x/recordings/y", "2021-06-15-preview", "X-Ms-Host", "a:b", ""},
		{"GET", "/v1/objects/0-x/content/acsmetadata", "", "Range", "bytes=undefined", ""},
		{"DELETE", "/v1/objects/00-x", "x", "", "", ""},
		{"HEAD", "/recording/download/0-x/metadata", "", "If-None-Match", `W/"a"`, ""},
		{"GET", "/recordings?limit=x", "", "", "", ""},
		{"GET", "/call/a/state", "", "Origin", "null", ""},
		{"GET", "/openapi.json", "", "", "", ""},
		{"OPTIONS", "/", "", "Access-Control-Request-Method", "POST", ""},
	} {
		f.Add(seed.method, seed.path, seed.version, seed.header, seed.value, seed.body)
	}
	r := newRig(f, nil)
	for _, room := range []string{"one", "two", "three"} { // there is no room for more
		r.start(room)
	}
	f.Fuzz(func(t *testing.T, method, target, version, header, value, body string) {
		if version != "" {
			target += "?api-version=" + url.QueryEscape(version)
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "/whip") || method == "" {
			t.Skip("net/http refuses this target before any handler sees it")
		}
		req := httptest.NewRequest("GET", "/", strings.NewReader(body))
		req.Method, req.URL, req.RequestURI = method, u, target
		req.Header.Set(header, value)
		req.Header.Set("Authorization", "Bearer "+r.token)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		switch {
		case strings.HasPrefix(u.EscapedPath(), "/call/"):
		case w.Code >= 300 && w.Code < 400 && w.Code != 304, w.Code >= 500 && !strings.Contains(w.Body.String(), "no room"):
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		case w.Header().Get("Content-Type") == "application/json" && method != "HEAD" && w.Code != 206 && w.Code != 304 && !json.Valid(w.Body.Bytes()):
			t.Errorf("%s %q: not JSON: %s", method, target, w.Body)
		}
	})
}

// FuzzBodies sends whatever body to an operation of each dialect: it is taken, or
// refused in the form of that dialect, as described.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"operationContext":"a","recordingStateCallbackUri":"https://a/?b"}`, `{"composingDelayMs":1000}`, `{"composingDelayMs":4294967295}`,
		`{"callLocator":{"serverCallId":"S","kind":"serverCallLocator"},"recordingContentType":"audioVideo","recordingChannelType":"mixed","recordingFormatType":"mp4","pauseOnStart":true}`,
		`{"callLocator":{"groupCallId":"S","kind":"groupCallLocator"},"audioChannelParticipantOrdering":[{"kind":"communicationUser"}],"channelAffinity":null}`,
		`{"callConnectionId":"c","externalStorage":{"recordingStorageKind":"azureBlobStorage","recordingDestinationContainerUrl":"https://a"}}`,
		`{"callLocator":null,"recordingFormatType":null}`, `null`, `[]`, `{}{}`, "\xff", `{"callLocator":{"kind":"ROOMCALLLOCATOR","roomId":"\u0000"}}`,
	} {
		f.Add(body)
	}
	r := newRig(f, nil)
	for _, room := range []string{"one", "two", "three"} { // so that a good body starts nothing
		r.start(room)
	}
	f.Fuzz(func(t *testing.T, body string) {
		one := *r
		one.t = t
		for _, target := range []string{
			"/conversations/c/Recordings", "/calling/recordings?api-version=2026-03-12", "/calling/recordings?api-version=2021-08-30-preview",
			"/calling/serverCalls/c/recordings", "/conversations/c/Recordings/x/Pause", "/calling/recordings/x:resume",
		} {
			a := one.do("POST", target, body)
			if a.Code >= 500 && !strings.Contains(a.Body.String(), "no room") || a.Code >= 400 && !json.Valid(a.Body.Bytes()) {
				t.Errorf("%s %q: %d %s", target, body, a.Code, a.Body)
			}
		}
	})
}

// FuzzAuthorization sends whatever credentials: nobody is let in by them, and
// all are told so in the same way.
func FuzzAuthorization(f *testing.F) {
	r := newRig(f, nil)
	head, rest, _ := strings.Cut(r.token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for _, s := range []string{
		"", "Bearer", "Bearer " + head + "." + payload + ".", "Bearer " + head + ".." + signature, "bearer\t" + r.token, "Basic YTpi",
		"Bearer eyJhbGciOiJub25lIn0." + payload + ".", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" + signature,
		"HMAC-SHA256 SignedHeaders=host&Signature=", "Bearer a.b.c, Bearer " + r.token,
	} {
		f.Add(s, "Tue, 01 Dec 2026 10:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, authorization, date string) {
		if scheme, tok, _ := strings.Cut(authorization, " "); strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(tok) == r.token {
			t.Skip("this is a good one")
		}
		one := *r
		one.t = t
		a := one.do("GET", "/recordings", "", "Authorization", authorization, "X-Ms-Date", date)
		if a.Code != 401 || a.code() != "Denied" || a.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%q: %d %s", authorization, a.Code, a.Body)
		}
	})
}
