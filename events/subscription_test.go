package events_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/events"
)

// How an endpoint agrees to get events, or does not.
func TestHandshake(t *testing.T) {
	header := func(name, value string, code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(name, value)
			w.WriteHeader(code)
		}
	}
	body := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, c := range map[string]struct {
		schema events.Schema
		answer http.HandlerFunc
		want   events.State // empty: refused
	}{
		"grid agrees":              {events.EventGrid, welcome(nil), events.Active},
		"grid by hand":             {events.EventGrid, body(200, ""), events.AwaitingValidation},
		"grid with another code":   {events.EventGrid, body(200, `{"validationResponse":"x"}`), events.AwaitingValidation},
		"grid accepts":             {events.EventGrid, body(202, ""), ""},
		"grid fails":               {events.EventGrid, body(500, ""), ""},
		"grid redirects":           {events.EventGrid, header("Location", "https://other.test/", 307), ""},
		"grid hangs":               {events.EventGrid, hang, ""},
		"cloud agrees":             {events.CloudEvents, welcome(nil), events.Active},
		"cloud agrees by name":     {events.CloudEvents, header("WebHook-Allowed-Origin", "Server.Test", 200), events.Active},
		"cloud, status is nothing": {events.CloudEvents, header("WebHook-Allowed-Origin", "*", 405), events.Active},
		"cloud by hand":            {events.CloudEvents, body(200, ""), events.AwaitingValidation},
		"cloud of another":         {events.CloudEvents, header("WebHook-Allowed-Origin", "else.test", 200), ""},
		"cloud hangs":              {events.CloudEvents, hang, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, c.answer)
			defer func() { r.Close() }()
			begin := time.Now()
			st, fresh, err := r.Put(t.Context(), events.Subscription{Name: "mine", Endpoint: "https://hook.test/", Schema: c.schema})
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("%s: took %v", name, took)
			}
			if c.want == "" {
				if err == nil || len(r.List()) != 0 || len(r.subs.records) != 0 {
					t.Errorf("%s: %v, kept %+v", name, err, r.List())
				}
				return
			}
			if err != nil || !fresh || st.State != c.want {
				t.Errorf("%s: %+v, %v", name, st, err)
			}
		})
	}
}

// Until an endpoint agrees, events wait for it.
func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		r := newRig(t, func(_ http.ResponseWriter, q *http.Request) {
			b, _ := io.ReadAll(q.Body)
			asked = append(asked, string(b))
		})
		defer func() { r.Close() }()
		r.subscribe(nil)
		e := r.publish("one")
		time.Sleep(time.Minute)
		r.Close() // none of which a restart changes
		r.open()
		synctest.Wait()
		var question []struct {
			EventType, ID, Topic, MetadataVersion string
			Data                                  struct{ ValidationCode, ValidationURL string }
		}
		if len(asked) != 1 || json.Unmarshal([]byte(asked[0]), &question) != nil || len(question) != 1 {
			t.Fatalf("%q", asked)
		}
		q := question[0]
		u, err := url.Parse(q.Data.ValidationURL)
		if err != nil || q.EventType != "Microsoft.EventGrid.SubscriptionValidationEvent" || q.Data.ValidationCode == "" ||
			u.Host != "server.test:8443" || u.Path != "/subscriptions/mine/validate" || u.Query().Get("code") != q.Data.ValidationCode {
			t.Errorf("%+v", q)
		}
		for _, wrong := range []string{"", "x", q.Data.ValidationCode + "x"} {
			if err := r.Confirm(t.Context(), "mine", wrong); !errors.Is(err, events.ErrNoSubscription) {
				t.Errorf("code %q: %v", wrong, err)
			}
		}
		r.check(r.Confirm(t.Context(), "mine", u.Query().Get("code")))
		synctest.Wait()
		if got := r.web.notifications(); len(got) != 1 || !strings.Contains(got[0].body, e.ID) {
			t.Errorf("%d requests", len(got))
		}
		if st, err := r.Get("mine"); err != nil || st.State != events.Active || st.Pending != 0 {
			t.Errorf("%+v, %v", st, err)
		}
	})
}

// An endpoint may have the URL opened before it answers.
func TestByHandAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		r = newRig(t, func(_ http.ResponseWriter, q *http.Request) {
			b, _ := io.ReadAll(q.Body)
			_, code, _ := strings.Cut(string(b), `"validationCode":"`)
			code, _, _ = strings.Cut(code, `"`)
			if err := r.Confirm(q.Context(), "mine", code); err != nil {
				t.Error(err)
			}
		})
		defer func() { r.Close() }()
		if st := r.subscribe(nil); st.State != events.Active {
			t.Errorf("%+v", st)
		}
	})
}

func TestCodeExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code := ""
		r := newRig(t, func(_ http.ResponseWriter, q *http.Request) {
			b, _ := io.ReadAll(q.Body)
			_, code, _ = strings.Cut(string(b), `"validationCode":"`)
			code, _, _ = strings.Cut(code, `"`)
		})
		defer func() { r.Close() }()
		r.subscribe(nil)
		time.Sleep(11 * time.Minute)
		if err := r.Confirm(t.Context(), "mine", code); !errors.Is(err, events.ErrNoSubscription) {
			t.Error(err)
		}
	})
}

// What the server's owner has written down is asked until it answers.
func TestConfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, status(502))
		defer func() { r.Close() }()
		subs := func() []events.Subscription {
			return []events.Subscription{{Name: "mine", Endpoint: "https://hook.test/"}, {Name: "cloud", Endpoint: "https://hook.test/", Schema: events.CloudEvents}}
		}
		r.check(r.Configure(t.Context(), subs()))
		e := r.publish("one")
		time.Sleep(20 * time.Minute)
		if all := r.List(); len(all) != 2 || all[1].State != events.AwaitingValidation || all[1].Pending != 1 {
			t.Errorf("%+v", all)
		}
		r.web.change(welcome(status(200)))
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		for _, st := range r.List() {
			if st.State != events.Active || st.Pending != 0 {
				t.Errorf("%+v", st)
			}
		}
		if got := r.web.notifications(); len(got) != 2 || !strings.Contains(got[0].body, e.ID) {
			t.Errorf("%d requests", len(got))
		}
		r.Close()
		r.open()
		r.web.change(status(500))
		r.check(r.Configure(t.Context(), subs()))
		synctest.Wait()
		if n := len(r.web.seen); n != 0 || r.List()[0].State != events.Active {
			t.Errorf("asked %d times once more", n)
		}
	})
}

// A change that leaves the address as it is needs no agreement, another address does.
func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, welcome(status(200)))
		defer func() { r.Close() }()
		r.subscribe(nil)
		r.web.change(status(500))
		st, fresh, err := r.Put(t.Context(), events.Subscription{Name: "mine", Endpoint: "https://hook.test/in?secret=1", MaxAttempts: 5})
		if err != nil || fresh || st.State != events.Active || st.MaxAttempts != 5 || st.Endpoint != "https://hook.test/in" {
			t.Errorf("%+v, %v, %v", st, fresh, err)
		}
		if _, _, err = r.Put(t.Context(), events.Subscription{Name: "mine", Endpoint: "https://new.test/"}); err == nil {
			t.Error("an address that does not agree is taken")
		}
		if st, err := r.Get("mine"); err != nil || st.Endpoint != "https://hook.test/in" || st.MaxAttempts != 5 {
			t.Errorf("%+v, %v", st, err)
		}
		r.publish("one")
		synctest.Wait()
		r.check(r.Delete(t.Context(), "mine"))
		if len(r.subs.records) != 0 || len(r.outbox.records) != 0 || r.Stats().Pending != 0 {
			t.Error("something is left of it")
		}
		if err := r.Delete(t.Context(), "mine"); !errors.Is(err, events.ErrNoSubscription) {
			t.Error(err)
		}
	})
}

func TestBadSubscriptions(t *testing.T) {
	r := newRig(t, welcome(nil))
	defer func() { r.Close() }()
	good := events.Subscription{Name: "mine", Endpoint: "https://hook.test/"}
	for name, change := range map[string]func(*events.Subscription){
		"short name":   func(s *events.Subscription) { s.Name = "ab" },
		"odd name":     func(s *events.Subscription) { s.Name = "a/../b" },
		"schema":       func(s *events.Subscription) { s.Schema = "Other" },
		"http":         func(s *events.Subscription) { s.Endpoint = "http://hook.test/" },
		"ftp":          func(s *events.Subscription) { s.Endpoint = "ftp://hook.test/" },
		"relative":     func(s *events.Subscription) { s.Endpoint = "/in" },
		"loopback":     func(s *events.Subscription) { s.Endpoint = "https://127.0.0.1/" },
		"link-local":   func(s *events.Subscription) { s.Endpoint = "https://169.254.169.254/latest/meta-data" },
		"private IPv6": func(s *events.Subscription) { s.Endpoint = "https://[fd00::1]/" },
		"mapped":       func(s *events.Subscription) { s.Endpoint = "https://[::ffff:10.0.0.1]/" },
		"long":         func(s *events.Subscription) { s.Endpoint += strings.Repeat("x", 5000) },
		"attempts":     func(s *events.Subscription) { s.MaxAttempts = 31 },
		"TTL":          func(s *events.Subscription) { s.TTLMinutes = 1441 },
		"negative TTL": func(s *events.Subscription) { s.TTLMinutes = -1 },
		"signing key":  func(s *events.Subscription) { s.SigningKey = "c2hvcnQ=" },
		"header name":  func(s *events.Subscription) { s.Headers = map[string]string{"a b": ""} },
		"header value": func(s *events.Subscription) { s.Headers = map[string]string{"a": "b\r\nc: d"} },
		"our header":   func(s *events.Subscription) { s.Headers = map[string]string{"aeg-event-type": "x"} },
		"signature":    func(s *events.Subscription) { s.Headers = map[string]string{"webhook-signature": "x"} },
		"content type": func(s *events.Subscription) { s.Headers = map[string]string{"content-type": "x"} },
		"long header":  func(s *events.Subscription) { s.Headers = map[string]string{"a": strings.Repeat("x", 5000)} },
		"empty type":   func(s *events.Subscription) { s.EventTypes = []string{""} },
		"types":        func(s *events.Subscription) { s.EventTypes = make([]string, 101) },
		"eleven headers": func(s *events.Subscription) {
			s.Headers = map[string]string{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": "", "i": "", "j": "", "k": ""}
		},
	} {
		sub := good
		change(&sub)
		if _, _, err := r.Put(t.Context(), sub); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, _, err := r.Put(t.Context(), good); err != nil {
		t.Error(err)
	}
	if n := len(r.web.seen); n != 1 {
		t.Errorf("%d requests", n)
	}
}
