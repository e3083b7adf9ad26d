package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/fault"
)

// fake is a server that answers what a test wants and remembers what was asked.
type fake struct {
	t       *testing.T
	url     string
	answers map[string]string // bodies by method and path with query
	asked   []string
	bodies  []string
}

func newFake(t *testing.T, answers map[string]string) *fake {
	t.Helper()
	f := &fake{t: t, answers: answers}
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.Close()
	})
	f.url = s.URL
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Authorization") != "Bearer tok" {
		f.t.Errorf("%v, Authorization %q", err, r.Header.Get("Authorization"))
	}
	asked := r.Method + " " + r.URL.RequestURI()
	f.asked, f.bodies = append(f.asked, asked), append(f.bodies, string(body))
	answer, ok := f.answers[asked]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		answer = `{"code":"8522","message":"there is nothing at this path"}`
	}
	_, _ = io.WriteString(w, answer)
}

// call runs a command against the fake, which must be asked just that.
func (f *fake) call(wantStatus int, line string, wantAsked ...string) (stdout, stderr string) {
	f.t.Helper()
	f.asked, f.bodies = nil, nil
	status, stdout, stderr := call(f.t, append(strings.Fields(line), "--to", f.url, "--token", "tok")...)
	if got, want := strings.Join(f.asked, "\n"), strings.Join(wantAsked, "\n"); status != wantStatus || got != want {
		f.t.Errorf("%s: status %d\n%s%sasked:\n%s", line, status, stdout, stderr, got)
	}
	return stdout, stderr
}

func TestRecordingsList(t *testing.T) {
	const first = "GET /recordings?conversation=room&from=2026-12-01T00%3A00%3A00Z&limit=3&state=completed&state=failed&to=2026-12-02T03%3A04%3A05Z"
	const second = "GET /recordings?conversation=room&cursor=c2&from=2026-12-01T00%3A00%3A00Z&limit=3&state=completed&state=failed&to=2026-12-02T03%3A04%3A05Z"
	f := newFake(t, map[string]string{
		first:  `{"recordings":[{"recordingId":"one","durationMs":61000},{"recordingId":"two"}],"nextCursor":"c2"}`,
		second: `{"recordings":[{"recordingId":"three"},{"recordingId":"four"}],"nextCursor":"c3"}`,

		"GET /recordings?limit=1000":           `{"recordings":[{"recordingId":"a"}],"nextCursor":"c"}`,
		"GET /recordings?cursor=c&limit=1000":  `{"recordings":[{"recordingId":"b"}],"nextCursor":"d"}`,
		"GET /recordings?cursor=d&limit=1000":  `{"recordings":[]}`,
		"GET /recordings?limit=100&state=gone": `{"recordings":[]}`,
	})
	line := "recordings list --conversation room --state completed,failed --since 2026-12-01T00:00:00Z --until 2026-12-02T05:04:05+02:00 --limit 3"
	got, _ := f.call(0, line, first, second)
	for word, want := range map[string]bool{"one": true, "1m1s": true, "two": true, "three": true, "four": false, "STARTED": true} {
		if strings.Contains(got, word) != want {
			t.Errorf("%s: %v in\n%s", word, !want, got)
		}
	}
	got, _ = f.call(0, "recordings list --limit 0", "GET /recordings?limit=1000", "GET /recordings?cursor=c&limit=1000", "GET /recordings?cursor=d&limit=1000")
	if strings.Count(got, "\n") != 3 {
		t.Errorf("%s", got)
	}
	if _, stderr := f.call(2, "recordings list --state gone"); !strings.Contains(stderr, "gone") {
		t.Error(stderr)
	}
	if _, stderr := f.call(2, "recordings list --since yesterday"); !strings.Contains(stderr, "24h ago") {
		t.Error(stderr)
	}
	if got, stderr := f.call(2, "recordings list --conversation other", "GET /recordings?conversation=other&limit=100"); !strings.Contains(stderr, "8522") {
		t.Error(got, stderr)
	}
}

func TestRecordingsDeleteAndPauseOnStart(t *testing.T) {
	f := newFake(t, map[string]string{
		"DELETE /recordings/r1":               `{}`,
		"POST /conversations/room/Recordings": `{"recordingId":"r1"}`,
	})
	f.call(0, "recordings delete r1", "DELETE /recordings/r1")
	f.call(2, "recordings delete r2", "DELETE /recordings/r2")
	got, _ := f.call(0, "recordings start room --pause-on-start", "POST /conversations/room/Recordings")
	if got != "r1\n" || f.bodies[0] != `{"pauseOnStart":true}` {
		t.Errorf("%s after %s", got, f.bodies[0])
	}
}

func TestSubscriptions(t *testing.T) {
	one := func(state client.SubscriptionState) string {
		return `{"name":"hook","endpoint":"https://hook.test/e","schema":"EventGridSchema","state":"` + string(state) + `","pending":3,"oldestPending":"2026-12-01T10:00:00Z"}`
	}
	f := newFake(t, map[string]string{
		"GET /subscriptions":              `{"subscriptions":[` + one(client.SubscriptionActive) + `]}`,
		"GET /subscriptions/hook":         one(client.SubscriptionActive),
		"DELETE /subscriptions/hook":      `{}`,
		"POST /subscriptions/hook/replay": `{"replayed":5}`,
		"PUT /subscriptions/hook":         one(client.SubscriptionActive),
		"PUT /subscriptions/manual":       one(client.AwaitingValidation),
	})
	got, _ := f.call(0, "subscriptions", "GET /subscriptions")
	if !strings.Contains(got, "https://hook.test/e") || !strings.Contains(got, "Active") {
		t.Error(got)
	}
	if got, _ := f.call(0, "subscriptions show hook", "GET /subscriptions/hook"); !strings.Contains(got, `"pending": 3`) {
		t.Error(got)
	}
	f.call(0, "subscriptions delete hook", "DELETE /subscriptions/hook")
	f.call(2, "subscriptions delete none", "DELETE /subscriptions/none")

	f.call(0, "subscriptions put hook https://hook.test/e?secret --schema CloudEventSchemaV1_0 --type A,B --header X-A=1;2 --header X-B=b "+
		"--signing-key whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= --max-attempts 3 --event-ttl 2h", "PUT /subscriptions/hook")
	var sent client.SubscriptionConfig
	if err := json.Unmarshal([]byte(f.bodies[0]), &sent); err != nil || sent.Endpoint != "https://hook.test/e?secret" || sent.Schema != client.CloudEvents ||
		strings.Join(sent.EventTypes, " ") != "A B" || sent.Headers["X-A"] != "1;2" || sent.Headers["X-B"] != "b" ||
		string(sent.SigningKey) != "0123456789abcdef0123456789abcdef" || sent.MaxDeliveryAttempts != 3 || sent.EventTimeToLiveMinutes != 120 {
		t.Errorf("%v: %s", err, f.bodies[0])
	}
	f.call(0, "subscriptions put manual https://hook.test", "PUT /subscriptions/manual")
	f.call(2, "subscriptions put deaf https://hook.test", "PUT /subscriptions/deaf")
	f.call(2, "subscriptions put hook https://hook.test --signing-key c2hvcnQ=")
	f.call(2, "subscriptions put hook https://hook.test --event-ttl 90s")
	f.call(2, "subscriptions put hook https://hook.test --schema XML")

	for flags, body := range map[string]string{
		"--id a,b":       `{"ids":["a","b"]}`,
		"--dead-letters": `{"deadLetters":true}`,
		"--since 2026-12-01T10:00:00Z --until 2026-12-01T11:00:00Z": `{"from":"2026-12-01T10:00:00Z","to":"2026-12-01T11:00:00Z"}`,
	} {
		got, _ := f.call(0, "subscriptions replay hook "+flags, "POST /subscriptions/hook/replay")
		if got != "5\n" || f.bodies[0] != body {
			t.Errorf("%s: %s after %s", flags, got, f.bodies[0])
		}
	}
	for _, flags := range []string{"", "--id a --dead-letters", "--until 1h", "--id a --since 1h"} {
		f.call(2, "subscriptions replay hook "+flags)
	}
}

func TestReplayUpToNow(t *testing.T) {
	now := time.Now()
	c := subscriptionReplayCmd{Since: moment{now.Add(-time.Hour)}}
	if which, err := c.which(now); err != nil || !which.To.Equal(now) || !which.From.Equal(now.Add(-time.Hour)) {
		t.Errorf("%+v, %v", which, err)
	}
}

func TestEventsList(t *testing.T) {
	const first, second = "GET /events?after=3&limit=2&type=T", "GET /events?after=8&limit=2&type=T"
	f := newFake(t, map[string]string{
		first:                            `{"events":[{"sequence":8,"event":{"specversion":"1.0","id":"e8","type":"T","subject":"call/c","data":{"a":1}}}],"next":8}`,
		second:                           `{"events":[{"sequence":9,"event":{"id":"e9","type":"T"}},{"sequence":10,"event":{"id":"e10","type":"T"}}],"next":10}`,
		"GET /events?limit=100":          `{"events":[{"sequence":8,"event":{"id":"e8","type":"T","data":{"a":1}}}],"next":8}`,
		"GET /events?after=8&limit=100":  `{"events":[],"next":8}`,
		"GET /events?limit=1000":         `{"events":[],"next":0}`,
		"GET /events?limit=1000&type=T2": `{"events":[],"next":0}`,
	})
	got, _ := f.call(0, "events list --after 3 --type T --limit 2", first, second)
	if !strings.Contains(got, "e8") || !strings.Contains(got, "call/c") || !strings.Contains(got, "e9") || strings.Contains(got, "e10") {
		t.Error(got)
	}
	got, _ = f.call(0, "events --json", "GET /events?limit=100", "GET /events?after=8&limit=100")
	var event client.Event
	if err := json.Unmarshal([]byte(got), &event); err != nil || event.Sequence != 8 || string(event.Event.Data) != `{"a":1}` {
		t.Errorf("%v: %s", err, got)
	}
	f.call(0, "events --limit 0", "GET /events?limit=1000")
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-12-01T10:00:00Z": time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC),
		"2026-12-01":           time.Date(2026, 12, 1, 0, 0, 0, 0, time.Local),
		"2026-12-01 10:30:00":  time.Date(2026, 12, 1, 10, 30, 0, 0, time.Local),
		"24h":                  time.Now().Add(-24 * time.Hour),
		"90m ago":              time.Now().Add(-90 * time.Minute),
	} {
		var m moment
		if err := m.UnmarshalText([]byte(text)); err != nil || m.Sub(want).Abs() > time.Minute {
			t.Errorf("%s: %v, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "ago", "-5m", "tomorrow", "2026-13-01"} {
		if err := new(moment).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("time %q is taken", text)
		}
	}
	if _, err := parseSigningKey("%"); fault.Of(err) != fault.Caller {
		t.Error(err)
	}
}
