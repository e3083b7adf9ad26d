package control_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callreel/callreel/control/page"
	"github.com/callreel/callreel/ingest"
)

func TestConversationsAndState(t *testing.T) {
	r := newRig(t, nil)
	conv, err := r.engine.Conversation("room")
	r.check(err)
	leave, err := conv.Join(ingest.Participant{ID: "ann", Name: "Ann"})
	r.check(err)
	defer leave()
	state := func() (s page.State) {
		r.do("GET", "/call/room/state", "").json(&s)
		return s
	}
	run := state().Run // the page sees by it that the server is another one
	if s := state(); run == "" || s != (page.State{Recording: page.None, Participants: 1, Run: run}) {
		t.Errorf("%+v, run %q", s, run)
	}
	id := r.start("room")
	if s := state(); s.Recording != page.Active {
		t.Errorf("%+v", s)
	}
	r.do("POST", "/conversations/room/recordings/"+id+"/Pause", "")
	if s := state(); s.Recording != page.Inactive {
		t.Errorf("%+v", s)
	}
	var d struct {
		ConversationID, RecordingID, RecordingState string
		Participants                                []struct{ ParticipantID, DisplayName string }
	}
	r.do("GET", "/conversations/room", "").json(&d)
	if d.ConversationID != "room" || d.RecordingID != id || d.RecordingState != "inactive" || len(d.Participants) != 1 || d.Participants[0].DisplayName != "Ann" {
		t.Errorf("%+v", d)
	}
	if a := r.do("GET", "/conversations", ""); strings.Count(a.Body.String(), `"conversationId":"room"`) != 1 {
		t.Errorf("%s", a.Body)
	}
}

func TestPlainPages(t *testing.T) {
	r := newRig(t, nil)
	for path, want := range map[string]string{"/": "callreel", "/healthz": `{"status":"ok"}`, "/call/room": "<!"} {
		a := r.do("GET", path, "", "Authorization", "")
		if a.Code != 200 || !strings.Contains(a.Body.String(), want) || a.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
	if a := r.do("HEAD", "/healthz", ""); a.Code != 200 {
		t.Errorf("HEAD: %d", a.Code)
	}
	if a := r.do("PUT", "/recordings", ""); a.Code != 405 || a.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("%d, allowed %q", a.Code, a.Header().Get("Allow"))
	}
}

func TestLargeBody(t *testing.T) {
	r := newRig(t, nil)
	a := r.do("POST", "/conversations/room/Recordings", strings.Repeat(" ", 300<<10))
	if a.Code != http.StatusRequestEntityTooLarge || a.code() != "8523" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
}

// Requests as they come over a connection, where paths and bodies can be odd.
func TestOverTCP(t *testing.T) {
	r := newRig(t, nil)
	web := httptest.NewServer(r.handler)
	defer web.Close()
	id := r.start("room")
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	r.check(err)
	defer func() { r.check(conn.Close()) }()
	answers := bufio.NewReader(conn)
	for request, status := range map[string]int{
		"GET //conversations/room/recordings/" + id + " HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}":                        200,
		"GET /conversations/./recordings/" + id + " HTTP/1.1\r\n\r\n":                                                   400,
		"POST /conversations/room/recordings/" + id + "/Pause HTTP/1.1\r\nContent-Length: 0\r\n\r\n":                    200,
		"POST /conversations/room/recordings/" + id + "/Resume HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 200,
	} {
		head := "Host: localhost\r\nAuthorization: Bearer " + r.token + "\r\n"
		line, rest, _ := strings.Cut(request, "\r\n")
		_, err := conn.Write([]byte(line + "\r\n" + head + rest))
		r.check(err)
		res, err := http.ReadResponse(answers, nil)
		r.check(err)
		if res.StatusCode != status {
			t.Errorf("%s: %d", line, res.StatusCode)
		}
		_, err = answers.Discard(int(res.ContentLength))
		r.check(err)
	}
}
