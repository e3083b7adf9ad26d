package control_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage"
)

// ask sends a request without a token to a host.
func (r *rig) ask(method, path, host string, headers ...string) answer {
	req := httptest.NewRequest(method, path, nil)
	req.Host = host
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return answer{w, r.t}
}

// put stores what a recording of one chunk would leave, with the metadata file
// storedMetadata.
func (r *rig) put(document, media string, result []byte) {
	r.t.Helper()
	_, recording, _ := strings.Cut(document, "-")
	for key, body := range map[string]string{
		callreel.MediaKey(recording, 0):    media,
		callreel.MetadataKey(recording, 0): storedMetadata,
		callreel.ResultKey(recording):      string(result),
	} {
		if body == "" && key == callreel.ResultKey(recording) {
			continue
		}
		_, err := r.store.Put(context.Background(), key, strings.NewReader(body), "")
		r.check(err)
	}
}

func TestDownload(t *testing.T) {
	const media = "0123456789"
	r := newRig(t, nil)
	r.put("0-old", media, nil)
	path := "/recording/download/0-old"
	whole := r.do("GET", path, "{}")
	h := whole.Header()
	if whole.Body.String() != media || h.Get("Content-Type") != "video/mp4" || h.Get("Content-Length") != "10" || h.Get("Accept-Ranges") != "bytes" || h.Get("ETag") == "" {
		t.Errorf("%d %s %v", whole.Code, whole.Body, h)
	}
	for _, c := range []struct {
		value  string
		status int
		body   string
		where  string
	}{
		{"bytes=0-3", 206, "0123", "bytes 0-3/10"},
		{"bytes=4-", 206, "456789", "bytes 4-9/10"},
		{"bytes=8-100", 206, "89", "bytes 8-9/10"},
		{"bytes=-3", 206, "789", "bytes 7-9/10"},
		{"bytes=4", 206, "456789", "bytes 4-9/10"},
		{"bytes=0", 206, media, "bytes 0-9/10"},
		{"bytes=undefined", 200, media, ""},
		{"bytes=None", 200, media, ""},
		{"bytes=0-1,3-4", 200, media, ""},
		{"bytes=", 200, media, ""},
		{"lines=1-2", 200, media, ""},
		{"bytes=10-", 416, "", "bytes */10"},
		{"bytes=99999999999999999999-", 416, "", ""},
	} {
		a := r.do("GET", path, "", "Range", c.value)
		if a.Code != c.status || a.Header().Get("Content-Range") != c.where || c.status < 300 && a.Body.String() != c.body {
			t.Errorf("%s: %d %q %s", c.value, a.Code, a.Header().Get("Content-Range"), a.Body)
		}
		if c.status == 416 && (a.code() != "8523" || a.Header().Get("Content-Type") != "application/json" || a.Header().Get("Content-Disposition") != "") {
			t.Errorf("%s: %v %s", c.value, a.Header(), a.Body)
		}
	}
	if a := r.do("HEAD", path, ""); a.Code != 200 || a.Body.Len() != 0 || a.Header().Get("Content-Length") != "10" {
		t.Errorf("HEAD: %d %v", a.Code, a.Header())
	}
	if a := r.do("GET", path, "", "If-None-Match", h.Get("ETag")); a.Code != 304 {
		t.Errorf("If-None-Match: %d", a.Code)
	}
	if a := r.do("GET", path, "", "Range", "bytes=4-", "If-Range", `"other"`); a.Code != 200 {
		t.Errorf("If-Range: %d", a.Code)
	}
	meta := r.do("GET", "/Recording/Download/0-old/Metadata", "")
	if meta.Code != 200 || meta.Body.String() != storedMetadata || meta.Header().Get("Content-Type") != "application/json" {
		t.Errorf("metadata: %d %s %v", meta.Code, meta.Body, meta.Header())
	}
}

func TestDownloadOfNothing(t *testing.T) {
	r := newRig(t, nil)
	r.put("0-old", "media", nil)
	for _, id := range []string{
		"1-old", "0-other", "0", "-old", "x-old", "+0-old", "00-old", "-1-old", "0-", "0-..", "0-old%2F", "0-..%2Fold",
		"0-%00", "99999999999999999999-old", "recording.json", "%", strings.Repeat("0", 4000) + "-old",
	} {
		path := "/recording/download/" + strings.ReplaceAll(id, "%\x00", "%25")
		if id == "%" {
			path = "/recording/download/%25"
		}
		for _, p := range []string{path, path + "/metadata"} {
			if a := r.do("GET", p, ""); a.Code != 400 || a.code() != "8522" {
				t.Errorf("%s: %d %s", p, a.Code, a.Body)
			}
		}
	}
}

// What a server recorded is there for the next one on the same directory.
func TestRestart(t *testing.T) {
	r := openRig(t, t.TempDir(), nil)
	ids := []string{r.start("first"), r.start("second")}
	for i, room := range []string{"first", "second"} {
		if a := r.do("DELETE", "/conversations/"+room+"/recordings/"+ids[i], ""); a.Code != 200 {
			t.Fatal(a.Body)
		}
	}
	before := r.do("GET", "/recordings/"+ids[0], "").Body.String()
	r.close()

	next := openRig(t, r.dir, nil)
	id := next.start("third")
	if after := next.do("GET", "/recordings/"+ids[0], "").Body.String(); after != before || !strings.Contains(after, `"state":"completed"`) {
		t.Errorf("%s\nbefore: %s", after, before)
	}
	var list struct {
		Recordings []struct{ RecordingID, State string }
	}
	next.do("GET", "/recordings", "").json(&list)
	if got, want := fmt.Sprint(list.Recordings), fmt.Sprintf("[{%s active} {%s completed} {%s completed}]", id, ids[1], ids[0]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	next.do("GET", "/recordings?limit=2", "").json(&list)
	if len(list.Recordings) != 2 {
		t.Errorf("%d with a limit of 2", len(list.Recordings))
	}
	if a := next.do("GET", "/recordings?limit=0", ""); a.Code != 400 || a.code() != "8523" {
		t.Errorf("limit 0: %d %s", a.Code, a.Body)
	}
	a := next.do("GET", "/recording/download/"+callreel.DocumentID(ids[0], 0), "")
	if a.Code != 200 || !strings.HasPrefix(a.Body.String()[4:], "ftyp") {
		t.Errorf("%d, %d bytes", a.Code, a.Body.Len())
	}
	tok := next.sign(token.Claims{Scopes: []token.Scope{token.Read}, Conversation: "first"})
	for i, status := range []int{200, 400} {
		a := next.do("GET", "/recording/download/"+callreel.DocumentID(ids[i], 0)+"/metadata", "", "Authorization", "Bearer "+tok)
		if a.Code != status {
			t.Errorf("token for the first call, chunk of call %d: %d %s", i, a.Code, a.Body)
		}
	}
}

// What the store has of a recording may be broken: what the index knows is told.
func TestBrokenResult(t *testing.T) {
	r := newRig(t, nil)
	id := r.start("room")
	r.do("DELETE", "/conversations/room/recordings/"+id, "")
	_, err := r.store.Put(t.Context(), callreel.ResultKey(id), strings.NewReader("{"), "")
	r.check(err)
	for path, status := range map[string]int{"/recordings/" + id: 200, "/recordings/a%2Fb": 404, "/recordings/none": 404} {
		if a := r.do("GET", path, ""); a.Code != status || status == 200 && !strings.Contains(a.Body.String(), `"state":"completed"`) {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
}

// panicking is a store with a bug.
type panicking struct{ storage.Store }

func (panicking) Open(context.Context, string) (*storage.Object, error) { panic("a bug") }

func TestPanic(t *testing.T) {
	r := newRig(t, func(c *control.Config) { c.Store = panicking{c.Store} })
	a := r.do("GET", "/recording/download/0-old", "", "X-Ms-Client-Request-Id", "abc")
	if a.Code != http.StatusInternalServerError || a.code() != "9999" || strings.Contains(a.Body.String(), "bug") {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if id := a.Header().Get("X-Ms-Client-Request-Id"); id != "abc" || a.Header().Get("X-Ms-Request-Id") == "" {
		t.Errorf("headers %v", a.Header())
	}
}

// slow is a store that never answers.
type slow struct{ storage.Store }

func (slow) Open(ctx context.Context, _ string) (*storage.Object, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestClientGoesAway(t *testing.T) {
	r := newRig(t, func(c *control.Config) { c.Store = slow{c.Store} })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/recording/download/0-old", nil)
	req.Header.Set("Authorization", "Bearer "+r.token)
	r.handler.ServeHTTP(httptest.NewRecorder(), req) // returns
}

// Positions beyond 4 GB are as good as others.
func TestDownloadBeyond4GB(t *testing.T) {
	const media, hole = "0123456789", 5 << 30
	r := newRig(t, nil)
	r.put("0-big", "-", nil)
	f, err := os.OpenFile(filepath.Join(r.dir, "recordings", filepath.FromSlash(callreel.MediaKey("big", 0))), os.O_WRONLY, 0)
	r.check(err)
	_, err = f.WriteAt([]byte(media), hole)
	r.check(errors.Join(err, f.Close()))
	for value, want := range map[string]string{
		fmt.Sprintf("bytes=%d-", hole):             media,
		fmt.Sprintf("bytes=%d-%d", hole+2, hole+4): "234",
		"bytes=-3": "789",
	} {
		a := r.do("GET", "/recording/download/0-big", "", "Range", value)
		length := fmt.Sprintf("/%d", hole+len(media))
		if a.Code != http.StatusPartialContent || a.Body.String() != want || !strings.HasSuffix(a.Header().Get("Content-Range"), length) {
			t.Errorf("%s: %d %q %s", value, a.Code, a.Body, a.Header().Get("Content-Range"))
		}
	}
}
