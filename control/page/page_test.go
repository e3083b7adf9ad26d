package page_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/callreel/callreel/control/page"
)

func get(path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	page.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestHandler(t *testing.T) {
	for path, want := range map[string]struct {
		status      int
		contentType string
	}{
		"/call/room?name=Ann":       {200, "text/html"},
		"/call/a%2Fb":               {200, "text/html"},
		"/call/%2E%2E":              {200, "text/html"},
		"/call/assets/call.js":      {200, "text/javascript"},
		"/call/assets/whip.js":      {200, "text/javascript"},
		"/call/assets/media.js":     {200, "text/javascript"},
		"/call/assets/call.css":     {200, "text/css"},
		"/call/assets/icon.svg":     {200, "image/svg+xml"},
		"/call/assets/call.html":    {404, ""},
		"/call/assets/%2E%2E%2Fgo":  {404, ""},
		"/call/room/state/and/more": {404, ""},
		"/call/":                    {404, ""},
	} {
		w := get(path)
		if w.Code != want.status || !strings.HasPrefix(w.Header().Get("Content-Type"), want.contentType) {
			t.Errorf("%s: status %d, type %s", path, w.Code, w.Header().Get("Content-Type"))
		}
		if p := w.Header().Get("Content-Security-Policy"); !strings.Contains(p, "script-src 'self';") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: policy %q", path, p)
		}
	}
}

// The page must obey its own policy, and name only files that are served.
func TestPageObeysPolicy(t *testing.T) {
	html := get("/call/room").Body.String()
	for _, inline := range []string{`<script>`, `<style`, ` style=`, ` onclick=`, `javascript:`, `http://`, `https://`} {
		if strings.Contains(strings.ToLower(html), inline) {
			t.Errorf("the page has %s", inline)
		}
	}
	files := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(html, -1)
	if len(files) == 0 {
		t.Error("the page names no files")
	}
	for _, m := range files {
		if w := get(m[1]); w.Code != http.StatusOK {
			t.Errorf("%s: status %d", m[1], w.Code)
		}
	}
}

func TestStateJSON(t *testing.T) {
	got, err := json.Marshal(page.State{Recording: page.Inactive, Participants: 3})
	if want := `{"recording":"inactive","participants":3}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/call/", page.Handler())
	mux.HandleFunc("GET /call/{conversation}/state", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(page.State{Recording: page.None, Participants: 1})
	})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/call/room-1/state", nil))
	fmt.Print(w.Body)
	// Output: {"recording":"none","participants":1}
}
