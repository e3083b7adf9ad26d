package events_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/events"
)

// An endpoint that never takes an event is asked on Event Grid's schedule, each
// wait up to a twentieth longer, for a day; then it becomes a dead letter.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(500)))
		defer func() { r.Close() }()
		r.subscribe(nil)
		begin := time.Now()
		e := r.publish("one")
		time.Sleep(25 * time.Hour)
		synctest.Wait()

		want := []time.Duration{
			0, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
			time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		}
		got := r.web.notifications()
		if len(got) != len(want) {
			t.Fatalf("%d attempts, want %d", len(got), len(want))
		}
		last := begin
		for i, n := range got {
			wait := n.at.Sub(last)
			if wait < want[i] || wait > want[i]+want[i]/20 {
				t.Errorf("attempt %d came %v after the one before, want %v", i+1, wait, want[i])
			}
			last = n.at
			if !strings.Contains(n.body, e.ID) {
				t.Errorf("attempt %d has another id: %s", i+1, n.body)
			}
		}
		if st := r.Stats(); st.Pending != 0 || st.DeadLettered != 1 || st.Attempts != 11 || st.Delivered != 0 {
			t.Errorf("%+v", st)
		}
		var letter struct {
			ID, DeadLetterReason, LastDeliveryOutcome, PublishTime, LastDeliveryAttemptTime, EventType string
			DeliveryAttempts                                                                           int
		}
		if lines := r.letters(); len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &letter) != nil {
			t.Fatalf("%q", lines)
		}
		if letter.ID != e.ID || letter.DeadLetterReason != "TimeToLiveExceeded" || letter.LastDeliveryOutcome != "InternalServerError" ||
			letter.DeliveryAttempts != 11 || letter.EventType != e.Type || letter.PublishTime == "" || letter.LastDeliveryAttemptTime == "" {
			t.Errorf("%+v", letter)
		}
	})
}

// What each answer means: delivered, given up, or how long until the next try.
func TestAnswers(t *testing.T) {
	const delivered, given = 0, -1
	for code, want := range map[int]time.Duration{
		200: delivered, 201: delivered, 202: delivered, 203: delivered, 204: delivered,
		205: 10 * time.Second, 301: 10 * time.Second, 302: 10 * time.Second, 307: 10 * time.Second,
		400: given, 401: given, 403: given, 413: given,
		404: 5 * time.Minute, 408: 2 * time.Minute, 409: 10 * time.Second, 429: 10 * time.Second,
		500: 10 * time.Second, 502: 10 * time.Second, 503: 30 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, welcome(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://elsewhere.test/")
				w.WriteHeader(code)
			}))
			defer func() { r.Close() }()
			r.subscribe(nil)
			r.publish("one")
			time.Sleep(want + want/10 + 25*time.Millisecond)
			synctest.Wait()
			got, st := r.web.notifications(), r.Stats()
			switch want {
			case delivered:
				if len(got) != 1 || st.Delivered != 1 || st.Pending != 0 || len(r.outbox.records) != 0 {
					t.Errorf("%d: %d requests, %+v", code, len(got), st)
				}
			case given:
				if len(got) != 1 || st.DeadLettered != 1 || st.Pending != 0 || len(r.letters()) != 1 {
					t.Errorf("%d: %d requests, %+v", code, len(got), st)
				}
			default:
				if len(got) != 2 || got[1].at.Sub(got[0].at) < want || got[1].URL.Host != "hook.test" || st.Pending != 1 {
					t.Errorf("%d: %d requests, %+v", code, len(got), st)
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(500)))
		defer func() { r.Close() }()
		r.subscribe(func(s *events.Subscription) { s.MaxAttempts = 3 })
		r.subscribe(func(s *events.Subscription) { s.Name, s.TTLMinutes = "brief", 1 })
		r.publish("one")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		reasons := strings.Join(r.letters(), "\n")
		if n := len(r.web.notifications()); n != 3+3 || // at 0, 10 and 40 s each
			strings.Count(reasons, "MaxDeliveryAttemptsExceeded") != 1 || strings.Count(reasons, "TimeToLiveExceeded") != 1 {
			t.Errorf("%d attempts: %s", n, reasons)
		}
	})
}

// An endpoint that does not answer is given 30 s and holds up nobody else.
func TestSlowEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(func(_ http.ResponseWriter, q *http.Request) {
			if q.URL.Host == "slow.test" {
				<-q.Context().Done()
			}
		}))
		defer func() { r.Close() }()
		r.subscribe(nil)
		r.subscribe(func(s *events.Subscription) { s.Name, s.Endpoint = "slow", "https://slow.test/" })
		begin := time.Now()
		for _, of := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			r.publish(of)
		}
		time.Sleep(31 * time.Second)
		synctest.Wait()
		quick, slow := 0, 0
		for _, n := range r.web.notifications() {
			if n.URL.Host == "slow.test" {
				slow++
			} else if quick++; n.at != begin {
				t.Errorf("held up for %v", n.at.Sub(begin))
			}
		}
		if st := r.Stats(); quick != 8 || slow != 8 || st.Delivered != 8 || st.Pending != 8 {
			t.Errorf("%d and %d requests, %+v", quick, slow, st)
		}
	})
}

// Whatever was published before an end of the server, or while nobody answered,
// is delivered after it, with the same id, and on the same schedule.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(502)))
		defer func() { r.Close() }()
		r.subscribe(nil)
		e := r.publish("one")
		time.Sleep(45 * time.Second) // attempts at 0, 10 and 40 s
		synctest.Wait()
		r.Close()
		attempts := len(r.web.notifications())
		r.web.change(welcome(status(200)))
		r.open()
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if n := len(r.web.notifications()); attempts != 3 || n != 0 {
			t.Errorf("%d attempts, and %d more before it is time", attempts, n)
		}
		time.Sleep(45 * time.Second) // it was due 60 to 66 s after the third
		synctest.Wait()
		got := r.web.notifications()
		if len(got) != 1 || !strings.Contains(got[0].body, e.ID) || got[0].Header.Get("Aeg-Delivery-Count") != "3" {
			t.Errorf("%d requests: %+v", len(got), got)
		}
		if st := r.Stats(); st.Pending != 0 || len(r.outbox.records) != 0 {
			t.Errorf("%+v", st)
		}
		r.check(r.Publish(t.Context(), e)) // as after a crash that came before this was noted
		time.Sleep(time.Second)
		if got := r.web.notifications(); len(got) != 2 || !strings.Contains(got[1].body, e.ID) {
			t.Errorf("%d requests", len(got))
		}
	})
}

// A delivery that can't be noted is not made, and is when it can.
func TestBrokenTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(500)))
		defer func() { r.Close() }()
		r.subscribe(nil)
		r.publish("one")
		synctest.Wait()
		r.outbox.mu.Lock()
		r.outbox.broken = errors.New("disk full")
		r.outbox.mu.Unlock()
		if err := r.Publish(t.Context(), event(t, "two")); err == nil {
			t.Error("an event is published that is not kept")
		}
		time.Sleep(time.Hour)
		if n := len(r.web.notifications()); n != 1 {
			t.Errorf("%d requests", n)
		}
		r.outbox.mu.Lock()
		r.outbox.broken = nil
		r.outbox.mu.Unlock()
		r.web.change(welcome(status(200)))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if st := r.Stats(); st.Delivered != 1 || st.Pending != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// A record that was changed by somebody else, such as another node, is followed:
// no attempt is made twice, and none is lost.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(500)))
		defer func() { r.Close() }()
		r.subscribe(nil)
		r.publish("one")
		r.publish("two")
		time.Sleep(time.Second)
		change := func(of string, apply func(key string, d map[string]any)) {
			r.outbox.mu.Lock()
			defer r.outbox.mu.Unlock()
			for key, rec := range r.outbox.records {
				var d map[string]any
				r.check(json.Unmarshal(rec.Value, &d))
				if strings.Contains(string(rec.Value), `"recordingId":"`+of+`"`) {
					apply(key, d)
				}
			}
		}
		change("one", func(key string, d map[string]any) { // taken by another node, an hour later is its next attempt
			d["attempts"], d["next"] = 5, time.Now().Add(time.Hour)
			value, err := json.Marshal(d)
			r.check(err)
			r.outbox.set(key, value)
		})
		change("two", func(key string, _ map[string]any) { delete(r.outbox.records, key) }) // delivered by another
		time.Sleep(30 * time.Minute)
		if n := len(r.web.notifications()); n != 2 {
			t.Errorf("%d attempts, want the two first", n)
		}
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		got := r.web.notifications()
		if len(got) != 3 || !strings.Contains(got[2].body, `"recordingId":"one"`) || got[2].Header.Get("Aeg-Delivery-Count") != "5" || r.Stats().Pending != 1 {
			t.Errorf("%d attempts, %d pending", len(got), r.Stats().Pending)
		}
	})
}

func TestCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, status(200))
		defer func() { r.Close() }()
		at := time.Date(2022, 8, 11, 23, 42, 45, 534663200, time.UTC)
		e, err := events.NewRecordingState(events.RecordingState{
			RecordingID: "rec", State: "active", ServerCallID: "call", CorrelationID: "corr", CallConnectionID: "conn", RecordingKind: "azureCommunicationServices",
		}, at.Add(-time.Second), at, 1)
		r.check(err)
		r.check(r.Callback(t.Context(), "https://app.test/callback?key=1", e))
		synctest.Wait()
		got := r.web.notifications()
		if len(got) != 1 {
			t.Fatalf("%d requests", len(got))
		}
		want := `[{"id":"` + e.ID + `","source":"calling/recordings/call/recordingId/rec/RecordingStateChanged","type":"Microsoft.Communication.RecordingStateChanged",` +
			`"data":{"type":"recordingStateChanged","recordingId":"rec","state":"active","startDateTime":"2022-08-11T23:42:44.5346632+00:00","callConnectionId":"conn","serverCallId":"call","correlationId":"corr","recordingKind":"azureCommunicationServices"},` +
			`"time":"2022-08-11T23:42:45.5346632+00:00","specversion":"1.0","datacontenttype":"application/json","subject":"calling/recordings/call/recordingId/rec"}]`
		if got[0].body != want {
			t.Errorf("got  %s\nwant %s", got[0].body, want)
		}
		if got[0].URL.String() != "https://app.test/callback?key=1" || got[0].Header.Get("Aeg-Event-Type") != "" {
			t.Errorf("%s %v", got[0].URL, got[0].Header)
		}
	})
}

// The bodies and headers of both schemas, with the subscription's own.
func TestSchemas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(200)))
		defer func() { r.Close() }()
		headers := map[string]string{"x-secret": "s"}
		r.subscribe(func(s *events.Subscription) { s.Headers = headers })
		r.subscribe(func(s *events.Subscription) {
			s.Name, s.Schema, s.SigningKey = "cloud", events.CloudEvents, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		})
		r.subscribe(func(s *events.Subscription) { s.Name, s.EventTypes = "other", []string{events.CallStarted} })
		e := r.publish("one")
		synctest.Wait()
		stamp := e.Time.UTC().Format("2006-01-02T15:04:05.0000000Z")
		got := r.web.notifications()
		if len(got) != 2 {
			t.Fatalf("%d requests", len(got))
		}
		for _, n := range got {
			h := n.Header
			want, contentType, meta, name := `[{"id":"`+e.ID+`","topic":"/callreel/test","subject":"/recording/one","data":{"recordingId":"one","reason":"Requested"},`+
				`"eventType":"Callreel.RecordingDeleted","dataVersion":"1.0","metadataVersion":"1","eventTime":"`+stamp+`"}]`,
				"application/json; charset=utf-8", "1", "MINE"
			if h.Get("X-Secret") == "" {
				want, contentType, meta, name = `{"id":"`+e.ID+`","source":"/callreel/test","type":"Callreel.RecordingDeleted","data":{"recordingId":"one","reason":"Requested"},`+
					`"time":"`+stamp+`","specversion":"1.0","datacontenttype":"application/json","subject":"/recording/one"}`,
					"application/cloudevents+json; charset=utf-8", "1.0", "CLOUD"
				if h.Get("Origin") != "server.test" || h.Get("Webhook-Id") != e.ID || !strings.HasPrefix(h.Get("Webhook-Signature"), "v1,") {
					t.Errorf("%v", h)
				}
			}
			if n.body != want || h.Get("Content-Type") != contentType || h.Get("Aeg-Metadata-Version") != meta || h.Get("Aeg-Subscription-Name") != name ||
				h.Get("Aeg-Event-Type") != "Notification" || h.Get("Aeg-Delivery-Count") != "0" || h.Get("Aeg-Data-Version") != "1.0" {
				t.Errorf("%s\nwant %s\n%v", n.body, want, h)
			}
		}
	})
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(401)))
		defer func() { r.Close() }()
		r.subscribe(nil)
		first := r.publish("one")
		time.Sleep(time.Hour)
		begin := time.Now()
		second := r.publish("two")
		synctest.Wait()
		replay := func(which events.Selection, want int, ids ...string) {
			t.Helper()
			r.web.change(welcome(status(200)))
			n, err := r.Replay(t.Context(), "mine", which)
			r.check(err)
			synctest.Wait()
			got := r.web.notifications()
			if n != want || len(got) != len(ids) {
				t.Fatalf("%d replayed, %d requests", n, len(got))
			}
			for _, id := range ids {
				if !strings.Contains(got[0].body+got[len(got)-1].body, id) {
					t.Errorf("%s is not among them", id)
				}
			}
		}
		r.Close() // dead letters outlive the service
		r.open()
		replay(events.Selection{DeadLetters: true}, 2, first.ID, second.ID)
		replay(events.Selection{DeadLetters: true}, 0)
		replay(events.Selection{IDs: []string{first.ID, "unknown"}}, 1, first.ID)
		time.Sleep(time.Second)
		replay(events.Selection{From: begin}, 1, second.ID)
		replay(events.Selection{To: begin}, 1, first.ID)
		for _, bad := range []events.Selection{{}, {DeadLetters: true, From: begin}, {From: begin, To: begin}} {
			if _, err := r.Replay(t.Context(), "mine", bad); err == nil {
				t.Errorf("%+v is taken", bad)
			}
		}
		if _, err := r.Replay(t.Context(), "nobody", events.Selection{DeadLetters: true}); !errors.Is(err, events.ErrNoSubscription) {
			t.Error(err)
		}
		list, next, err := r.Events(t.Context(), 0, "", 1)
		if r.check(err); len(list) != 1 || next != 1 || !strings.Contains(string(list[0].Event), first.ID) {
			t.Errorf("%+v, %d", list, next)
		}
		if list, next, err = r.Events(t.Context(), next, "", 9); err != nil || len(list) != 1 || next != 2 || !strings.Contains(string(list[0].Event), second.ID) {
			t.Errorf("%+v, %d, %v", list, next, err)
		}
		if list, _, _ = r.Events(t.Context(), 0, events.CallEnded, 9); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	})
}
