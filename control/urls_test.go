package control_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/hmacauth"
	"github.com/callreel/callreel/storage"
)

func TestContentLocations(t *testing.T) {
	for _, c := range []struct{ content, public, listen, want string }{
		{"", "", "", ""},
		{"", "", "http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"", "https://call.test/", "http://127.0.0.1:8080", "https://call.test"},
		{"https://files.asm.skype.com:8443/a/", "https://call.test", "http://127.0.0.1:8080", "https://files.asm.skype.com:8443/a"},
	} {
		r := newRig(t, func(cfg *control.Config) {
			cfg.ContentBaseURL, cfg.PublicURL, cfg.ListenURL = c.content, c.public, c.listen
		})
		id := r.start("room")
		r.do("DELETE", "/conversations/room/recordings/"+id, "")
		var d struct {
			Chunks []struct{ DocumentID, ContentLocation, MetadataLocation, DeleteLocation string }
		}
		r.do("GET", "/recordings/"+id, "").json(&d)
		if len(d.Chunks) != 1 {
			t.Fatalf("%+v", d)
		}
		got, object := d.Chunks[0], c.want+"/v1/objects/"+callreel.DocumentID(id, 0)
		if got.ContentLocation != object+"/content/video" || got.MetadataLocation != object+"/content/acsmetadata" || got.DeleteLocation != object {
			t.Errorf("%+v, want them below %s", got, object)
		}
		for _, path := range []string{"/content/video", "/content/acsmetadata"} {
			if a := r.do("GET", strings.TrimPrefix(object, c.want)+path, ""); a.Code != http.StatusOK {
				t.Errorf("%s: %d %s", path, a.Code, a.Body)
			}
		}
		r.close()
	}
}

func TestURLsAreChecked(t *testing.T) {
	dir := t.TempDir()
	store := storage.Dir(dir)
	engine, err := callreel.New(callreel.Config{Storage: store})
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"files.example", "ftp://files.example", "https://files.example?a=b", "https://u:p@files.example", "https://", ":"} {
		for _, set := range []func(*control.Config){
			func(c *control.Config) { c.ContentBaseURL = raw },
			func(c *control.Config) { c.PublicURL = raw },
			func(c *control.Config) { c.ListenURL = raw },
		} {
			cfg := control.Config{Engine: engine, Store: store, AccessKeys: [][]byte{accessKey}}
			set(&cfg)
			if _, err := control.New(cfg); err == nil {
				t.Errorf("%q is taken", raw)
			}
		}
	}
}

// Requests may be signed for any of the server's names, and for no other.
func TestSignedHosts(t *testing.T) {
	r := newRig(t, func(c *control.Config) {
		c.ContentBaseURL, c.PublicURL, c.ListenURL = "https://files.asm.skype.com:443/", "https://call.test:8443", "http://127.0.0.1:8080"
	})
	for host, want := range map[string]int{
		"files.asm.skype.com": 200, "call.test:8443": 200, "127.0.0.1:8080": 200, "in.proxy:1": 200,
		"files.asm.skype.com:8443": 401, "call.test": 401, "evil.test": 401,
	} {
		req := httptest.NewRequest("GET", "http://"+host+"/recordings", nil)
		hmacauth.Sign(req, accessKey, nil, time.Now())
		req.Host = "in.proxy:1" // as a proxy may send it on
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("signed for %s: %d, want %d", host, w.Code, want)
		}
	}
}
