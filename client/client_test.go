package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/client"
)

// server answers requests without a network, so that time can be virtual.
type server struct {
	handle   http.HandlerFunc
	failures int      // connections that fail first
	seen     []string // requests
	bodies   []string
	ids      map[string]bool // of requests
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	s.seen = append(s.seen, r.Method+" "+r.URL.RequestURI())
	s.bodies = append(s.bodies, string(body))
	s.ids[r.Header.Get("X-Ms-Client-Request-Id")+r.Header.Get("Repeatability-Request-Id")] = true
	if s.failures > 0 {
		s.failures--
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	s.handle(w, r)
	return w.Result(), nil
}

func connect(t *testing.T, s *server) *client.Client {
	t.Helper()
	s.ids = map[string]bool{}
	c, err := client.New(client.Config{Endpoint: "http://server/", Token: "tok", HTTPClient: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequests(t *testing.T) {
	s := &server{handle: func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer tok" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, `{"recordingId":"r/1","recordingState":"inactive","state":"failed","unknown":1}`)
	}}
	c, ctx := connect(t, s), t.Context()
	id, err := c.StartRecording(ctx, "a/b?", client.StartOptions{
		OperationContext: "mine", StateCallbackURI: "http://cb", ComposingDelay: time.Second, PauseOnStart: true,
	})
	if err != nil || id != "r/1" {
		t.Error(id, err)
	}
	if state, err := c.RecordingState(ctx, "a", id); err != nil || state != client.Inactive {
		t.Error(state, err)
	}
	if r, err := c.Recording(ctx, id); err != nil || !r.Ended() {
		t.Error(r, err)
	}
	if err := errors.Join(c.PauseRecording(ctx, "a", id), c.ResumeRecording(ctx, "a", id), c.StopRecording(ctx, "a", id)); err != nil {
		t.Error(err)
	}
	want := `POST /conversations/a%2Fb%3F/Recordings
GET /conversations/a/recordings/r%2F1
GET /recordings/r%2F1
POST /conversations/a/recordings/r%2F1/Pause
POST /conversations/a/recordings/r%2F1/Resume
DELETE /conversations/a/recordings/r%2F1`
	if got := strings.Join(s.seen, "\n"); got != want {
		t.Errorf("requests:\n%s", got)
	}
	if want := `{"operationContext":"mine","recordingStateCallbackUri":"http://cb","composingDelayMs":1000,"pauseOnStart":true}`; s.bodies[0] != want || s.bodies[4] != "" {
		t.Errorf("bodies %q", s.bodies)
	}
}

func TestErrors(t *testing.T) {
	for body, want := range map[string]client.Error{
		`{"code":"8522","message":"gone","target":"x","details":[]}`: {StatusCode: 404, Code: "8522", Message: "gone", Target: "x"},
		`{"error":{"code":"8522","message":"gone"}}`:                 {StatusCode: 404, Code: "8522", Message: "gone"},
		`<html>`: {StatusCode: 404, Message: "Not Found"},
		``:       {StatusCode: 404, Message: "Not Found"},
	} {
		s := &server{handle: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, body)
		}}
		err := connect(t, s).StopRecording(t.Context(), "a", "b")
		if got, ok := errors.AsType[*client.Error](err); !ok || *got != want || len(s.seen) != 1 {
			t.Errorf("%s: %v after %d requests", body, err, len(s.seen))
		}
	}
	s := &server{handle: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }}
	if _, err := connect(t, s).StartRecording(t.Context(), "a", client.StartOptions{}); err == nil {
		t.Error("HTML is taken for an answer")
	}
	for _, endpoint := range []string{"", "server:80", "/path", "ftp://server"} {
		if _, err := client.New(client.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("endpoint %q is taken", endpoint)
		}
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name     string
		failures int // of the connection
		statuses []int
		after    string // Retry-After
		requests int
		ok       bool
		min, max time.Duration
	}{
		{"at once", 0, nil, "", 1, true, 0, 0},
		{"connection", 2, nil, "", 3, true, 2250 * time.Millisecond, 3750 * time.Millisecond},
		{"connection for good", 9, nil, "", 4, false, 5250 * time.Millisecond, 8750 * time.Millisecond},
		{"500", 0, []int{500}, "", 2, true, 750 * time.Millisecond, 1250 * time.Millisecond},
		{"408, 429, 502", 0, []int{408, 429, 502}, "", 4, true, 5250 * time.Millisecond, 8750 * time.Millisecond},
		{"503 with a time", 0, []int{503}, "5", 2, true, 5 * time.Second, 5 * time.Second},
		{"now", 0, []int{503}, "0", 2, true, 0, 0},
		{"far too long", 0, []int{503}, "999999999999", 2, true, 750 * time.Millisecond, time.Minute},
		{"501", 0, []int{501}, "", 1, false, 0, 0},
		{"505", 0, []int{505}, "", 1, false, 0, 0},
		{"400", 0, []int{400}, "", 1, false, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			statuses := c.statuses
			s := &server{failures: c.failures, handle: func(w http.ResponseWriter, _ *http.Request) {
				if len(statuses) == 0 {
					_, _ = io.WriteString(w, `{"recordingId":"r"}`)
					return
				}
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(statuses[0])
				statuses = statuses[1:]
			}}
			begin := time.Now()
			_, err := connect(t, s).StartRecording(t.Context(), "a", client.StartOptions{})
			took := time.Since(begin)
			if (err == nil) != c.ok || len(s.seen) != c.requests || took < c.min || took > c.max {
				t.Errorf("%s: %d requests in %v: %v", c.name, len(s.seen), took, err)
			}
			if len(s.ids) != 1 {
				t.Errorf("%s: a repeated request has another ID", c.name)
			}
		})
	}
}

func TestRetryDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := &server{handle: func(w http.ResponseWriter, _ *http.Request) {
			if time.Since(begin) < 10*time.Second {
				w.Header().Set("Retry-After", begin.Add(10*time.Second).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}}
		if err := connect(t, s).StopRecording(t.Context(), "a", "b"); err != nil || len(s.seen) != 2 {
			t.Errorf("%v after %d requests", err, len(s.seen))
		}
	})
}

func TestContextEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		s := &server{failures: 9}
		err := connect(t, s).StopRecording(ctx, "a", "b")
		if !errors.Is(err, context.DeadlineExceeded) || len(s.seen) != 1 {
			t.Errorf("%v after %d requests", err, len(s.seen))
		}
	})
}

// cut is a body that breaks off.
type cut struct{ io.Reader }

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// broken breaks off the first answers after half of what they should have.
type broken struct {
	*server
	times int
}

func (b *broken) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.server.RoundTrip(r)
	if err == nil && b.times > 0 {
		b.times--
		res.Body = io.NopCloser(cut{io.LimitReader(res.Body, res.ContentLength/2)})
	}
	return res, err
}

func TestDownloadGoesOn(t *testing.T) {
	media := bytes.Repeat([]byte("0123456789"), 1000)
	for _, c := range []struct {
		times int
		etag  func(request int) string
		ok    bool
	}{
		{0, func(int) string { return `"a"` }, true},
		{3, func(int) string { return `"a"` }, true},
		{4, func(int) string { return `"a"` }, false},
		{1, func(n int) string { return fmt.Sprintf(`"%d"`, n) }, false},
		{1, func(int) string { return "" }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{}
			s.handle = func(w http.ResponseWriter, r *http.Request) {
				if etag := c.etag(len(s.seen)); etag != "" {
					w.Header().Set("ETag", etag)
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(media))
			}
			s.ids = map[string]bool{}
			api, err := client.New(client.Config{Endpoint: "http://server", HTTPClient: &http.Client{Transport: &broken{s, c.times}}})
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			n, err := api.DownloadRecording(t.Context(), "0-x", &got)
			if (err == nil) != c.ok || n != int64(got.Len()) || c.ok && !bytes.Equal(got.Bytes(), media) || !bytes.HasPrefix(media, got.Bytes()) {
				t.Errorf("broken %d times: %d bytes, %v", c.times, n, err)
			}
		})
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestDownloadIntoNothing(t *testing.T) {
	s := &server{handle: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "media") }}
	if _, err := connect(t, s).DownloadMetadata(t.Context(), "0-x", full{}); !errors.Is(err, io.ErrShortWrite) || len(s.seen) != 1 {
		t.Errorf("%v after %v", err, s.seen)
	}
}
