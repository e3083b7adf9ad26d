package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/hmacauth"
)

func TestContent(t *testing.T) {
	r := newRig(t, nil)
	r.put("0-old", "0123456789", nil)
	const object = "/v1/objects/0-old"
	for _, c := range []struct {
		method, path, sent string
		status             int
		body               string
	}{
		{"GET", object + "/content/video", "bytes=undefined", 200, "0123456789"},
		{"GET", object + "/content/video", "bytes=4-5", 206, "45"},
		{"HEAD", object + "/content/video", "", 200, ""},
		{"HEAD", object + "/content/acsmetadata", "", 200, ""},
		{"DELETE", object, "", 200, "{}"},
		{"DELETE", object, "", 404, ""},
		{"GET", object + "/content/video", "", 404, ""},
		{"GET", object + "/content/acsmetadata", "", 404, ""},
		{"GET", "/v1/objects/..%2F..%2Fetc/content/video", "", 404, ""},
		{"GET", "/v1/objects/0-old/content/audio", "", 404, ""},
	} {
		a := r.do(c.method, c.path, "", "Range", c.sent)
		if a.Code != c.status || c.status < 300 && a.Body.String() != c.body {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.Code, a.Body)
		}
		if c.status == 404 && c.path != "/v1/objects/0-old/content/audio" {
			var e struct {
				Status  int
				Message string
				Error   struct{ Code, Message string }
			}
			if err := json.Unmarshal(a.Body.Bytes(), &e); err != nil || e.Status != 404 || e.Message == "" || e.Error.Code != "8522" {
				t.Errorf("%s: %s", c.path, a.Body)
			}
		}
	}
}

// SDKs sign downloads for the endpoint's host and without the query.
func TestSignedDownload(t *testing.T) {
	r := newRig(t, nil)
	r.put("0-old", "media", nil)
	out := httptest.NewRequest(http.MethodGet, "https://endpoint.test:8443/v1/objects/0-old/content/video", nil)
	hmacauth.Sign(out, accessKey, nil, time.Now())
	in := httptest.NewRequest(http.MethodGet, "/v1/objects/0-old/content/video?x=1", nil)
	in.Header, in.Host = out.Header, "content.test"
	in.Header.Set("X-Ms-Host", "endpoint.test:8443")
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, in)
	if w.Code != 200 || w.Body.String() != "media" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
