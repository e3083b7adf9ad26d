package events_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table is one of a cluster, in memory, so that time can be virtual.
type table struct {
	mu       sync.Mutex
	records  map[string]cluster.Record
	revision uint64
	broken   error
}

func (t *table) set(key string, value []byte) uint64 {
	t.revision++
	t.records[key] = cluster.Record{Key: key, Value: value, Revision: t.revision}
	return t.revision
}

func (t *table) Get(_ context.Context, key string) (cluster.Record, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, there := t.records[key]
	if !there {
		return r, cluster.ErrNotExist
	}
	return r, t.broken
}

func (t *table) Put(_ context.Context, key string, value []byte) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return 0, t.broken
	}
	return t.set(key, value), nil
}

func (t *table) Create(_ context.Context, key string, value []byte) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.records[key]; there || t.broken != nil {
		return 0, cmp.Or(t.broken, cluster.ErrExist)
	}
	return t.set(key, value), nil
}

func (t *table) Update(_ context.Context, key string, value []byte, revision uint64) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.records[key].Revision != revision || t.broken != nil {
		return 0, cmp.Or(t.broken, cluster.ErrConflict)
	}
	return t.set(key, value), nil
}

func (t *table) Delete(_ context.Context, key string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		delete(t.records, key)
	}
	return t.broken
}

func (t *table) All(context.Context) iter.Seq2[cluster.Record, error] {
	t.mu.Lock()
	defer t.mu.Unlock()
	records := slices.Collect(maps.Values(t.records))
	return func(yield func(cluster.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// logBook is a log in memory.
type logBook struct {
	mu       sync.Mutex
	ids      []string
	messages []cluster.Message
}

func (l *logBook) Append(_ context.Context, id string, data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.ids, id) {
		l.ids = append(l.ids, id)
		l.messages = append(l.messages, cluster.Message{Sequence: uint64(len(l.ids)), Time: time.Now(), Data: data})
	}
	return nil
}

func (l *logBook) After(_ context.Context, sequence uint64) (cluster.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sequence >= uint64(len(l.messages)) {
		return cluster.Message{}, cluster.ErrNotExist
	}
	return l.messages[sequence], nil
}

// request is what an endpoint was sent.
type request struct {
	*http.Request
	body string
	at   time.Time
}

// web answers requests to any host without a network.
type web struct {
	mu     sync.Mutex
	seen   []request
	answer http.HandlerFunc
}

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.seen = append(w.seen, request{r, string(body), time.Now()})
	w.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	done := make(chan struct{})
	w.mu.Lock()
	answer := w.answer
	w.mu.Unlock()
	go func() { answer(rec, r); close(done) }()
	select {
	case <-done:
		return rec.Result(), nil
	case <-r.Context().Done():
		<-done
		return nil, r.Context().Err()
	}
}

// change lets it answer otherwise, and forgets what was seen.
func (w *web) change(answer http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer, w.seen = answer, nil
}

// notifications are the requests that were deliveries.
func (w *web) notifications() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.seen), func(r request) bool {
		return r.Method != http.MethodPost || r.Header.Get("Aeg-Event-Type") == "SubscriptionValidation"
	})
}

// welcome agrees to what it is asked, and then hands on.
func welcome(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodOptions:
			w.Header().Set("WebHook-Allowed-Origin", "*")
		case r.Header.Get("Aeg-Event-Type") == "SubscriptionValidation":
			_, code, _ := strings.Cut(string(body), `"validationCode":"`)
			code, _, _ = strings.Cut(code, `"`)
			_, _ = io.WriteString(w, `{"validationResponse":"`+code+`"}`)
		default:
			next(w, r)
		}
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// rig is a service whose state outlives it.
type rig struct {
	*events.Service
	t                  *testing.T
	cfg                events.Config
	web                *web
	outbox, dead, subs *table
}

func newRig(t *testing.T, answer http.HandlerFunc) *rig {
	t.Helper()
	r := &rig{
		t: t, web: &web{answer: answer},
		outbox: &table{records: map[string]cluster.Record{}},
		dead:   &table{records: map[string]cluster.Record{}},
		subs:   &table{records: map[string]cluster.Record{}},
	}
	r.cfg = events.Config{
		Outbox: r.outbox, Dead: r.dead, Subscriptions: r.subs, Log: &logBook{}, Transport: r.web,
		DeadLetterFile: filepath.Join(t.TempDir(), "dead-letters.jsonl"), Topic: "/callreel/test", URL: "https://server.test:8443/",
	}
	r.open()
	return r
}

// open starts the service on what there is.
func (r *rig) open() {
	r.t.Helper()
	s, err := events.Open(r.t.Context(), r.cfg)
	r.check(err)
	r.Service = s
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) subscribe(change func(*events.Subscription)) events.Status {
	r.t.Helper()
	sub := events.Subscription{Name: "mine", Endpoint: "https://hook.test/in?secret=1"}
	if change != nil {
		change(&sub)
	}
	st, _, err := r.Put(r.t.Context(), sub)
	r.check(err)
	return st
}

func event(t *testing.T, of string) events.Event {
	t.Helper()
	e, err := events.New(events.RecordingDeleted, "/recording/"+of, time.Now(), of, events.Deleted{RecordingID: of, Reason: "Requested"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (r *rig) publish(of string) events.Event {
	r.t.Helper()
	e := event(r.t, of)
	r.check(r.Publish(r.t.Context(), e))
	return e
}

// letters are the lines of the file of dead letters.
func (r *rig) letters() []string {
	b, err := os.ReadFile(r.cfg.DeadLetterFile)
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}
