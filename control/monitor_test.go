package control_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage"
)

// brokenStore takes nothing while it is broken.
type brokenStore struct {
	storage.Store
	broken bool
}

func (s *brokenStore) Put(ctx context.Context, key string, r io.ReadSeeker, contentType string) (storage.Info, error) {
	if s.broken {
		return storage.Info{}, errors.New("the secret bucket is away")
	}
	return s.Store.Put(ctx, key, r, contentType)
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store *brokenStore
		r := newRig(t, func(c *control.Config) {
			store = &brokenStore{Store: c.Store}
			c.Store = store
		})
		is := func(status int, body string) {
			t.Helper()
			if a := r.do("GET", "/readyz", "", "Authorization", ""); a.Code != status || a.Body.String() != body {
				t.Errorf("%d %s, want %d %s", a.Code, a.Body, status, body)
			}
		}
		is(200, `{"status":"ready"}`)
		if left := r.do("GET", "/recordings", ""); left.Body.String() != `{"recordings":[]}` {
			t.Errorf("the probe left %s", left.Body)
		}
		if left, err := os.ReadDir(filepath.Join(r.dir, "recordings")); err != nil || len(left) != 0 {
			t.Errorf("the probe left %v, %v", left, err)
		}
		store.broken = true
		is(200, `{"status":"ready"}`) // it was asked lately
		time.Sleep(11 * time.Second)
		is(503, `{"status":"failing","failing":["store"]}`)
		store.broken = false
		time.Sleep(3 * time.Second)
		is(200, `{"status":"ready"}`)

		spool := filepath.Join(r.dir, "spool")
		r.check(os.RemoveAll(spool))
		r.check(os.WriteFile(spool, nil, 0o600))
		time.Sleep(11 * time.Second)
		is(503, `{"status":"failing","failing":["spool"]}`)
		r.check(os.Remove(spool))
		r.close()
		is(503, `{"status":"closing"}`)
	})
}

func TestCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		type capacity struct {
			Running, Maximum                    int
			Cores, CoresUsed, CoresPerRecording float64
			Available                           int
			Basis                               string
		}
		ask := func() (c capacity) {
			a := r.do("GET", "/capacity", "")
			a.json(&c)
			if a.Code != 200 || c.Cores <= 0 || c.Basis == "" {
				t.Errorf("%d %s", a.Code, a.Body)
			}
			return c
		}
		if c := ask(); c.Running != 0 || c.Maximum != 3 || c.CoresPerRecording != 0 || c.Available != min(3, int(c.Cores*0.8/0.25)) || c.Basis != "assumed" {
			t.Errorf("%+v", c)
		}
		r.start("room")
		r.start("room-2")
		time.Sleep(30 * time.Second)
		if c := ask(); c.Running != 2 || c.Available > 1 || c.Basis != "measured" || c.CoresUsed < c.CoresPerRecording {
			t.Errorf("%+v", c)
		}
		limited := r.sign(token.Claims{Scopes: []token.Scope{token.Read}, Conversation: "room"})
		for _, path := range []string{"/capacity", "/metrics"} {
			if a := r.do("GET", path, "", "Authorization", "Bearer "+limited); a.Code != 403 {
				t.Errorf("%s for one conversation: %d", path, a.Code)
			}
			if a := r.do("GET", path, "", "Authorization", ""); a.Code != 401 {
				t.Errorf("%s for nobody: %d", path, a.Code)
			}
		}
		r.close()
	})
}

// metric finds the value of a metric with its labels.
func metric(t *testing.T, text, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Errorf("there is no %s", name)
		return ""
	}
	return m[1]
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		first, second := r.startWith("room", `{"recordingStateCallbackUri":"https://app.test/"}`), r.start("room-2")
		time.Sleep(3 * time.Second)
		r.do("POST", "/conversations/room-2/recordings/"+second+"/pause", "")
		time.Sleep(2 * time.Second)
		r.do("DELETE", "/conversations/room/recordings/"+first, "")
		r.do("GET", "/recording/download/0-x", "")
		r.do("GET", "/nowhere", "")
		r.do("GET", "/call/room", "")
		r.do("POST", "/whip/room", "")
		r.check(os.MkdirAll(filepath.Join(r.dir, "spool", "other"), 0o700))
		r.check(os.WriteFile(filepath.Join(r.dir, "spool", "other", "0.mp4"), []byte("12345"), 0o600))
		a := r.do("GET", "/metrics", "")
		text := a.Body.String()
		for name, want := range map[string]string{
			`callreel_recordings{state="paused"}`:                                   "1",
			`callreel_recordings{state="active"}`:                                   "0",
			`callreel_recordings_started_total`:                                     "2",
			`callreel_recordings_ended_total{reason="Stopped"}`:                     "1",
			`callreel_recordings_ended_total{reason="Error"}`:                       "0",
			`callreel_frames_total`:                                                 "63",
			`callreel_recorded_seconds_total`:                                       "7.875",
			`callreel_late_ticks_total`:                                             "0",
			`callreel_tick_lateness_seconds_count`:                                  "63",
			`callreel_tick_lateness_seconds_bucket{le="0.001"}`:                     "63",
			`callreel_conversations`:                                                "1",
			`callreel_whip_sessions{state="connected"}`:                             "0",
			`callreel_queue_length{queue="uploads"}`:                                "0",
			`callreel_queue_length{queue="events"}`:                                 "2", // there is no network
			`callreel_queue_oldest_seconds{queue="events"}`:                         "5",
			`callreel_event_attempts_total`:                                         "2",
			`callreel_events_delivered_total`:                                       "0",
			`callreel_http_requests_total{status="200",verb="start"}`:               "2",
			`callreel_http_requests_total{status="400",verb="downloadMedia"}`:       "1",
			`callreel_http_requests_total{status="404",verb="unknown"}`:             "1",
			`callreel_http_requests_total{status="200",verb="page"}`:                "1",
			`callreel_http_requests_total{status="403",verb="whip"}`:                "1",
			`callreel_http_request_duration_seconds_count{verb="stop"}`:             "1",
			`callreel_http_request_duration_seconds_bucket{verb="start",le="+Inf"}`: "2",
			`callreel_packets_recovered_total{by="retransmission"}`:                 "0",
			`callreel_recording_cores{of="mean"}`:                                   "0",
			`callreel_recordings_overloaded{level="6"}`:                             "0",
			`callreel_overload_steps_total{direction="down"}`:                       "0",
			`callreel_held_frames_total`:                                            "0",
			`callreel_packets_overflowed_total`:                                     "0",
		} {
			if got := metric(t, text, name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		for _, name := range []string{"callreel_spool_bytes", "callreel_spool_free_bytes", "callreel_recording_cpu_seconds_total", "callreel_cpu_cores", "go_goroutines"} {
			if got := metric(t, text, name); got == "0" {
				t.Errorf("%s is 0", name)
			}
		}
		if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
		if strings.Contains(text, first) || strings.Contains(text, `"room`) {
			t.Error("recordings or conversations are labels, of which there is no end")
		}
		r.close()
	})
}

// The description of the metrics has each of them, and no other.
func TestMetricsAreDescribed(t *testing.T) {
	r := newRig(t, nil)
	r.do("GET", "/", "")
	names := func(text, pattern string) (out []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	doc, err := os.ReadFile("../docs/operations.md")
	r.check(err)
	served := names(r.do("GET", "/metrics", "").Body.String(), `(?m)^# TYPE (callreel_\w+) `)
	described := names(string(doc), "(?m)^\\| `(callreel_\\w+)")
	if !slices.Equal(served, described) {
		t.Errorf("served\n%q\ndescribed\n%q", served, described)
	}
}

// With the trust of the loopback interface, metrics need no token.
func TestMetricsOfLoopback(t *testing.T) {
	r := newRig(t, func(c *control.Config) { c.TrustLoopback = true })
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/capacity": http.StatusUnauthorized} {
		if a := r.do("GET", path, "", "Authorization", ""); a.Code != want {
			t.Errorf("%s: %d, want %d", path, a.Code, want)
		}
	}
	if a := r.do("GET", "/metrics", "", "Authorization", "", "X-Forwarded-For", "192.0.2.1"); a.Code != http.StatusUnauthorized {
		t.Errorf("through a proxy: %d", a.Code)
	}
}

// TestSpoolReserve: without room in the spool nothing begins, and the server says so.
func TestSpoolReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *control.Config) {
			var err error
			c.Engine, err = callreel.New(callreel.Config{Storage: c.Store, Spool: filepath.Join(t.TempDir(), "spool"), SpoolReserve: 1 << 60})
			if err != nil {
				t.Fatal(err)
			}
		})
		a := r.do("POST", "/conversations/room/Recordings", `{}`)
		if a.Code != 503 || a.Header().Get("Retry-After") == "" || strings.Contains(a.Body.String(), "bytes") {
			t.Errorf("%d %v %s", a.Code, a.Header(), a.Body)
		}
		if a := r.do("GET", "/readyz", ""); a.Code != 503 || a.Body.String() != `{"status":"failing","failing":["spool"]}` {
			t.Errorf("%d %s", a.Code, a.Body)
		}
		r.close()
	})
}
