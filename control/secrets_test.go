package control_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/hmacauth"
	"github.com/callreel/callreel/internal/servertest"
	"github.com/callreel/callreel/internal/token"
)

// Whatever secrets requests carry, and wherever, none gets into the log, of
// which all levels are kept here.
func TestNothingSecretIsLogged(t *testing.T) {
	const secret = "TopSecret"
	var log servertest.Log
	r := newRig(t, func(c *control.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.WHIP = whip.Config{Logger: c.Logger}
		c.RateLimit = 50 // which some of these exceed
	})
	publish := r.sign(token.Claims{Scopes: []token.Scope{token.Publish}, Conversation: "room", Participant: "ann"})
	const callback = `"recordingStateCallbackUri":"https://user:` + secret + `@hook.example/` + `a?code=` + secret + `#` + secret + `"`
	const query = "?access_token=" + secret + "&code=" + secret + "&token=" + secret
	id := r.start("room")
	requests := []struct{ method, path, body string }{
		{"POST", "/conversations/a/Recordings" + query, "{" + callback + "}"},
		{"POST", "/conversations/b/Recordings" + query, "{" + callback + `,"unknown":"` + secret + `"}`},
		{"POST", "/conversations/b/Recordings", `{"operationContext":{"` + secret + `":1}}`},
		{"POST", "/conversations/b/Recordings", secret},
		{"POST", "/conversations/b/Recordings", `{"recordingStateCallbackUri":"` + secret + `"}`},
		{"POST", "/calling/recordings" + query, `{"callLocator":{"kind":"serverCallLocator","serverCallId":"c"},` + callback + "}"},
		{"POST", "/calling/recordings" + query, `{"callLocator":{"kind":"` + secret + `"}}`},
		{"POST", "/calling/recordings" + query, `{"externalStorage":{"recordingStorageKind":"azureBlobStorage","recordingDestinationContainerUrl":"https://a/?sig=` + secret + `"}}`},
		{"GET", "/recordings/" + id + query, ""},
		{"GET", "/recordings" + query + "&limit=" + secret, ""},
		{"GET", "/recording/download/0-x" + query, ""},
		{"DELETE", "/v1/objects/0-x" + query, ""},
		{"POST", "/whip/room" + query, secret},
		{"PATCH", "/whip/room/x" + query, secret},
		{"GET", "/call/room" + query, ""},
		{"GET", "/nowhere" + query, secret},
	}
	for _, q := range requests {
		for _, authorization := range []string{
			"Bearer " + r.token, "Bearer " + publish, "Bearer " + secret, "Bearer " + secret + "." + secret + "." + secret, "Basic " + secret, secret,
			hmacauth.Scheme + " SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" + secret,
		} {
			r.do(q.method, q.path, q.body, "Authorization", authorization, "Cookie", secret, "X-Api-Key", secret, "Content-Type", "application/sdp", "Referer", "https://a/?t="+secret)
		}
		req := httptest.NewRequest(q.method, "http://127.0.0.1:8080"+q.path, strings.NewReader(q.body))
		hmacauth.Sign(req, accessKey, []byte(q.body), time.Now())
		signature := req.Header.Get("Authorization")
		r.handler.ServeHTTP(httptest.NewRecorder(), req)
		if _, sum, _ := strings.Cut(signature, "Signature="); strings.Contains(log.String(), sum) {
			t.Errorf("%s %s: the signature is logged", q.method, q.path)
		}
	}
	r.close()
	text := log.String()
	for _, s := range []string{secret, r.token, publish, string(accessKey), b64(string(accessKey))} {
		if i := strings.Index(text, s); i >= 0 {
			t.Errorf("logged: %s", text[max(0, i-300):min(len(text), i+100)])
		}
	}
	for _, seen := range []string{"status=200", "status=400", "status=401", "status=403", "status=404", "status=429", "path=/whip/room"} {
		if !strings.Contains(text, seen) {
			t.Errorf("no request with %s", seen)
		}
	}
}
