package control_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/events"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage"
)

func TestMain(m *testing.M) {
	described()
	goleak.VerifyTestMain(m)
}

var accessKey = []byte("0123456789abcdef0123456789abcdef")

// rig is a server on an engine, without a network.
type rig struct {
	t       testing.TB
	dir     string
	store   storage.Store
	engine  *callreel.Engine
	node    *cluster.Node
	server  *control.Server
	handler http.Handler
	token   string // to control and read
}

// newRig makes one, with a configuration that change may change.
func newRig(t testing.TB, change func(*control.Config)) *rig {
	t.Helper()
	return makeRig(t, t.TempDir(), cluster.InMemory(), change)
}

// openRig makes one on what another has left in dir.
func openRig(t testing.TB, dir string, change func(*control.Config)) *rig {
	t.Helper()
	node, err := cluster.Open(cluster.Config{Dir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	return makeRig(t, dir, node, change)
}

func makeRig(t testing.TB, dir string, node *cluster.Node, change func(*control.Config)) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir, node: node, store: storage.Dir(filepath.Join(dir, "recordings"))}
	var err error
	r.engine, err = callreel.New(callreel.Config{
		Storage: r.store, Spool: filepath.Join(dir, "spool"), MaxRecordings: 3,
		OnEvent: func(e callreel.Event) { r.server.Observe(e) },
	})
	r.check(err)
	cfg := control.Config{
		Engine: r.engine, Store: r.store, Cluster: r.node, ResourceID: "test",
		Webhooks: control.Webhooks{
			Guard:          events.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
			DeadLetterFile: filepath.Join(dir, "dead-letters.jsonl"),
			Transport:      nowhere{},
		},
		AccessKeys: [][]byte{accessKey}, RateLimit: -1, Admission: -1,
		Recording: callreel.RecordingConfig{
			Width: 320, Height: 180, Delay: 200 * time.Millisecond,
			Video: callreel.VideoSettings{Options: map[string]string{"preset": "ultrafast", "bf": "0"}},
		},
	}
	if change != nil {
		change(&cfg)
	}
	r.engine = cfg.Engine
	r.server, err = control.New(cfg)
	r.check(err)
	r.check(r.server.Start(context.Background()))
	r.handler = r.server.Handler()
	r.renew()
	t.Cleanup(r.close)
	return r
}

// renew makes a new token, as they expire.
func (r *rig) renew() {
	r.token = r.sign(token.Claims{Scopes: []token.Scope{token.Control, token.Read}})
}

// close ends the engine and the server; twice is harmless.
func (r *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.check(r.engine.Close(ctx))
	r.check(r.server.Close(ctx))
	r.check(r.node.Close())
}

// nowhere is a network that leads nowhere.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) sign(c token.Claims) string {
	tok, err := r.server.Sign(c)
	r.check(err)
	return tok
}

// answer is what came of a request.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

// do sends a request with the rig's token. Headers are name and value in turn.
// The answer must be as the description of the API has it.
func (r *rig) do(method, path, body string, headers ...string) answer {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, path, reader)
	req.Host = "127.0.0.1:8080"
	req.Header.Set("Authorization", "Bearer "+r.token)
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if err := described().check(req, w); err != nil {
		r.t.Errorf("not as described: %v", err)
	}
	return answer{w, r.t}
}

// json decodes the body.
func (a answer) json(dst any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body.Bytes(), dst); err != nil {
		a.t.Fatalf("%v in %s", err, a.Body)
	}
}

// code is that of an error in the seed's form, which has all four fields it
// should have and no other.
func (a answer) code() string {
	a.t.Helper()
	var e struct {
		Code, Message, Target string
		Details               []any
	}
	d := json.NewDecoder(strings.NewReader(a.Body.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Message == "" || e.Details == nil || a.Header().Get("Content-Type") != "application/json" {
		a.t.Errorf("not an error of the seed: %s, %v", a.Body, err)
	}
	return e.Code
}

// start starts a recording.
func (r *rig) start(conversation string) string {
	r.t.Helper()
	return r.startWith(conversation, "{}")
}

func (r *rig) startWith(conversation, body string, headers ...string) string {
	r.t.Helper()
	a := r.do("POST", "/conversations/"+conversation+"/Recordings", body, headers...)
	var b struct{ RecordingID string }
	if a.Code != 200 {
		r.t.Fatalf("start: %d %s", a.Code, a.Body)
	}
	a.json(&b)
	return b.RecordingID
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
