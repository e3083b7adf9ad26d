package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	engine "github.com/callreel/callreel"
)

// answer is what the server says to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// flatError is the body of an error.
type flatError struct{ Code, Message string }

// request sends one with the token to control; headers are names and values.
func (s *server) request(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if r.Header.Get("Authorization") == "" {
		r.Header.Del("Authorization")
	}
	res, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// do sends a request that must succeed, and decodes the answer.
func (s *server) do(method, path string, into any) {
	s.t.Helper()
	a := s.request(method, path, "")
	if a.status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	decode(s.t, a.body, into)
}

// recording is one over the API, with when its requests were made.
type recording struct {
	s        *server
	call, id string
	path     string
	least    time.Duration // it must last, by the times before and after requests
	most     time.Duration
	before   time.Time // the last request that let it run
	after    time.Time // and its answer
}

// start starts a recording.
func (s *server) start(call string) *recording {
	s.t.Helper()
	r := &recording{s: s, call: call}
	path := "/conversations/" + call + "/Recordings"
	var started struct{ RecordingID string }
	r.running(func() { s.do(http.MethodPost, path, &started) })
	r.id, r.path = started.RecordingID, path+"/"+started.RecordingID
	return r
}

func (r *recording) running(request func()) {
	r.before = time.Now()
	request()
	r.after = time.Now()
}

func (r *recording) pause() {
	r.s.t.Helper()
	before := time.Now()
	r.s.do(http.MethodPost, r.path+"/Pause", &struct{}{})
	r.least += before.Sub(r.after)
	r.most += time.Since(r.before)
}

func (r *recording) resume() {
	r.s.t.Helper()
	r.running(func() { r.s.do(http.MethodPost, r.path+"/Resume", &struct{}{}) })
}

// stopDelay is what a request to stop may take to reach the recording. It is
// answered only when the file is there, so the answer says nothing of it.
const stopDelay = 250 * time.Millisecond

// stop ends the recording and fetches its only file.
func (r *recording) stop() *movie {
	r.s.t.Helper()
	before := time.Now()
	r.least += before.Sub(r.after)
	r.most += before.Add(stopDelay).Sub(r.before)
	r.s.do(http.MethodDelete, r.path, &struct{}{})
	return r.fetch()
}

// state returns the state as the API tells it.
func (r *recording) state() string {
	r.s.t.Helper()
	var now struct{ RecordingState string }
	r.s.do(http.MethodGet, r.path, &now)
	return now.RecordingState
}

// pause is a span that was not recorded.
type pause struct {
	StartTime  time.Time
	DurationMs int64
}

func (p pause) length() time.Duration { return time.Duration(p.DurationMs) * time.Millisecond }

// chunk is a file of a recording.
type chunk struct {
	DocumentID string
	Bytes      int64
	StartTime  time.Time
	DurationMs int64
	EndReason  string
}

// details is what GET /recordings tells of a recording.
type details struct {
	RecordingID, ConversationID, State, EndReason string
	StartTime                                     time.Time
	DurationMs                                    int64
	Chunks                                        []chunk
	Pauses, Gaps                                  []pause
	Participants                                  []struct{ ParticipantID, DisplayName string }
}

func (r *recording) details() details {
	r.s.t.Helper()
	var d details
	r.s.do(http.MethodGet, "/recordings/"+r.id, &d)
	return d
}

// fetch downloads the file of a recording that has ended, and looks into it.
func (r *recording) fetch() *movie {
	t := r.s.t
	t.Helper()
	d := r.details()
	if d.State != "completed" || len(d.Chunks) != 1 {
		t.Fatalf("the recording: %+v", d)
	}
	m := r.download(d.Chunks[0])
	m.began, m.pauses = d.StartTime, d.Pauses
	return m
}

// download fetches one of the files and looks into it.
func (r *recording) download(c chunk) *movie {
	t := r.s.t
	t.Helper()
	file := filepath.Join(t.TempDir(), c.DocumentID+".mp4")
	a := r.s.request(http.MethodGet, "/recording/download/"+c.DocumentID, "")
	if a.status != http.StatusOK || int64(len(a.body)) != c.Bytes || a.header.Get("Content-Type") != "video/mp4" {
		t.Fatalf("download: %d, %d bytes of %d, %v", a.status, len(a.body), c.Bytes, a.header)
	}
	if err := os.WriteFile(file, []byte(a.body), 0o600); err != nil {
		t.Fatal(err)
	}
	m := open(t, file)
	m.began = c.StartTime
	return m
}

// report returns the stored quality report of a recording.
func (r *recording) report() (report engine.Report) {
	r.s.t.Helper()
	text, err := os.ReadFile(r.s.stored(r.id, "report.json"))
	if err != nil {
		r.s.t.Fatal(err)
	}
	decode(r.s.t, string(text), &report)
	return report
}

// tracks returns what the report says of the tracks, which were all received well.
func (r *recording) tracks() []engine.TrackReport {
	r.s.t.Helper()
	report := r.report()
	tracks := slices.Collect(report.Tracks())
	for _, track := range tracks {
		if track.Decoded == 0 || track.DecodeErrors > 0 || track.Received().Malformed > 0 {
			r.s.t.Errorf("%+v", track)
		}
	}
	return tracks
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
