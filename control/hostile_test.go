package control_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/internal/token"
)

// listen serves the rig's handler as callreel serve does.
func (r *rig) listen(l net.Listener) (stop func()) {
	s := &http.Server{
		Handler: r.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return func() {
		r.check(s.Close())
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			r.t.Error(err)
		}
	}
}

// closed is the status of a connection that is closed without an answer.
const closed = 0

// exchange sends bytes and returns the status and the body of the first answer.
func exchange(t *testing.T, conn net.Conn, text string) (status int, body string) {
	t.Helper()
	sent := make(chan struct{})
	go func() {
		_, _ = io.WriteString(conn, text) // the server may have had enough
		close(sent)
	}()
	defer func() {
		_ = conn.Close()
		<-sent
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return closed, ""
	}
	b, _ := io.ReadAll(res.Body) // as much as there is
	return res.StatusCode, string(b)
}

// Each hostile request has its answer, and the server goes on for the others.
func TestHostileRequests(t *testing.T) {
	r := newRig(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.check(err)
	defer r.listen(l)()
	id := r.start("room")
	r.put("0-old", "0123456789", nil)
	name := "Host: localhost\r\n"
	head := name + "Authorization: Bearer " + r.token + "\r\n"
	post := func(path, headers, body string) string {
		return "POST " + path + " HTTP/1.1\r\n" + head + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	get := func(path, headers string) string { return "GET " + path + " HTTP/1.1\r\n" + head + headers + "\r\n" }
	const seed, released = "/conversations/other/Recordings", "/calling/recordings"
	const file = "/recording/download/0-old"
	large := strings.Repeat(" ", 300<<10)
	for _, c := range []struct {
		what, request string
		status        int
		part          string // of the body
	}{
		{"large body", post(seed, "", large), 413, `{"code":"8523"`},
		{"large body of the released API", post(released, "", large), 413, `{"error":{"code":"8523"`},
		{"large body in chunks", "POST " + seed + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(large), large), 413, "8523"},
		{"large arguments", post(seed, "", "{"+large[:100<<10]+"}"), 400, "8523"},
		{"large body to publish", post("/whip/room", "Content-Type: application/sdp\r\n", large), 413, "8523"},

		{"number for a string", post(seed, "", `{"operationContext":1}`), 400, "operationContext"},
		{"array for an object", post(released, "", `[]`), 400, "8523"},
		{"text for an object", post(released, "", `"x"`), 400, "8523"},
		{"array for a locator", post(released, "", `{"callLocator":[1]}`), 400, "callLocator"},
		{"no JSON", post(seed, "", `{"operationContext":`), 400, "8523"},
		{"two objects", post(seed, "", `{}{}`), 400, "8523"},
		{"deep JSON", post(released, "", strings.Repeat(`{"a":`, 12_000)), 400, "depth"},
		{"deep arrays", post(released, "", `{"a":`+strings.Repeat(`[`, 20_000)+strings.Repeat(`]`, 20_000)+`}`), 400, "depth"},
		{"number beyond all types", post(seed, "", `{"composingDelayMs":1e999}`), 400, "composingDelayMs"},
		{"negative delay", post(seed, "", `{"composingDelayMs":-1}`), 400, "composingDelayMs"},
		{"field that means nothing", post(seed, "", `{"__proto__":{}}`), 400, "8523"},
		{"callback to a file", post(seed, "", `{"recordingStateCallbackUri":"file:///etc/passwd"}`), 400, "recordingStateCallbackUri"},
		{"long context", post(seed, "", `{"operationContext":"`+strings.Repeat("x", 5000)+`"}`), 400, "operationContext"},

		{"control characters in an ID", post("/conversations/a%00b/Recordings", "", "{}"), 400, "conversationId"},
		{"an ID that is not UTF-8", post("/conversations/%ff%fe/Recordings", "", "{}"), 400, "conversationId"},
		{"long ID", post("/conversations/"+strings.Repeat("x", 2000)+"/Recordings", "", "{}"), 400, "conversationId"},
		{"bad escape", post("/conversations/%zz/Recordings", "", "{}"), 400, ""},
		{"escape of the store, seed", get("/recording/download/0-..%2F..%2Faccess-key", ""), 400, "8522"},
		{"escape of the store, released API", get("/v1/objects/0-..%2f..%2faccess-key/content/video", ""), 404, `"status":404`},
		{"escape of the store by dots", get("/recordings/%2e%2e/report", ""), 404, "8522"},
		{"dots in the path", get("/recordings/../../etc/passwd", ""), 404, "8522"},
		{"long path", get("/"+strings.Repeat("a/", 20_000), ""), 404, "8522"},
		{"path that is not UTF-8", get("/\xff", ""), 404, "8522"},

		{"large header", get("/recordings", "X-Large: "+strings.Repeat("x", 100<<10)+"\r\n"), 431, ""},
		{"thousands of headers", get("/recordings", strings.Repeat("X-Many: x\r\n", 20_000)), 431, ""},
		{"control character in a header", get("/recordings", "X-Ms-Client-Request-Id: a\x01b\r\n"), 400, ""},
		{"name of a header with a space", get("/recordings", "X-A : b\r\n"), 400, ""},
		{"several Authorization headers", get("/recordings", "Authorization: Bearer x\r\n"), 401, "Denied"},
		{"long token", "GET /recordings HTTP/1.1\r\n" + name + "Authorization: Bearer " + strings.Repeat("x", 20_000) + "\r\n\r\n", 401, "Denied"},
		{"signature of nothing", "GET /recordings HTTP/1.1\r\n" + name + "Authorization: HMAC-SHA256 SignedHeaders=&Signature=\r\n\r\n", 401, "Denied"},
		{"signature over thousands of headers", "GET /recordings HTTP/1.1\r\n" + name + "Authorization: HMAC-SHA256 SignedHeaders=" + strings.Repeat("host;", 5000) + "&Signature=x\r\n\r\n", 401, "Denied"},
		{"several hosts", get("/recordings", "Host: other\r\n"), 400, ""},
		{"no host", "GET /recordings HTTP/1.1\r\n\r\n", 400, ""},

		{"range backwards", get(file, "Range: bytes=5-2\r\n"), 416, ""},
		{"range beyond the end", get(file, "Range: bytes=100-\r\n"), 416, ""},
		{"range beyond all numbers", get(file, "Range: bytes=0-99999999999999999999999\r\n"), 416, ""},
		{"thousands of ranges", get(file, "Range: bytes="+strings.Repeat("0-0,", 10_000)+"1-1\r\n"), 200, "0123456789"},
		{"range of something else", get(file, "Range: items=0-1\r\n"), 200, "0123456789"},
		{"several Range headers", get(file, "Range: bytes=0-0\r\nRange: bytes=1-1\r\n"), 206, "0"},

		{"two lengths", "POST " + seed + " HTTP/1.1\r\n" + head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, ""},
		{"negative length", "POST " + seed + " HTTP/1.1\r\n" + head + "Content-Length: -1\r\n\r\n{}", 400, ""},
		{"length with a sign", "POST " + seed + " HTTP/1.1\r\n" + head + "Content-Length: +2\r\n\r\n{}", 400, ""},
		{"length beyond all numbers", "POST " + seed + " HTTP/1.1\r\n" + head + "Content-Length: 99999999999999999999\r\n\r\n{}", 400, ""},
		{"encoding that is not known", "POST " + seed + " HTTP/1.1\r\n" + head + "Transfer-Encoding: xchunked\r\n\r\n{}", 501, ""},
		{"encoding twice", "POST " + seed + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, ""},
		{"chunk beyond all numbers", "POST " + seed + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n", 400, "8523"},
		{"chunk without a length", "POST " + seed + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400, "8523"},
		// What follows is no second request: the body is in chunks, as RFC 9112 has it.
		{"length and chunks", "GET /recordings/" + id + " HTTP/1.1\r\n" + head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, id},

		{"thousands of parameters", get("/recordings?"+strings.Repeat("a=1&", 10_000), ""), 200, "recordings"},
		{"limit that is no number", get("/recordings?limit=1e9", ""), 400, "limit"},
		{"limit of all", get("/recordings?limit=99999999999999999999", ""), 400, "limit"},
		{"version that is none", get("/calling/recordings/x?api-version=2021-%3Cscript%3E", ""), 404, "8522"},

		{"method that is not known", "BREW /recordings HTTP/1.1\r\n" + head + "\r\n", 405, "8520"},
		{"method that is none", "G@T /recordings HTTP/1.1\r\n" + head + "\r\n", 400, ""},
		{"TRACE", "TRACE /recordings HTTP/1.1\r\n" + head + "\r\n", 405, "8520"},
		{"CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\n" + head + "\r\n", 405, "8520"},
		{"request to a proxy", "GET http://evil.example/recordings HTTP/1.1\r\n" + head + "\r\n", 200, "recordings"},
		{"version of HTTP that is none", "GET /recordings HTTP/7.7\r\n" + head + "\r\n", 505, ""},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		r.check(err)
		r.check(conn.SetDeadline(time.Now().Add(5 * time.Second)))
		status, body := exchange(t, conn, c.request)
		if status != c.status || !strings.Contains(body, c.part) {
			t.Errorf("%s: %d %.300s, want %d with %q", c.what, status, body, c.status, c.part)
		}
	}
	if a := r.do("GET", "/conversations/room/recordings/"+id, ""); a.Code != 200 || a.Body.String() != `{"recordingState":"active"}` {
		t.Errorf("the recording: %d %s", a.Code, a.Body)
	}
	if n := len(r.engine.Recordings()); n != 1 {
		t.Errorf("%d recordings run", n)
	}
}

// pipes is a listener in memory, whose connections have virtual time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.done)
	return nil
}

func (pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// Who sends slowly, or nothing, is cut off, each in the time that there is for it.
func TestSlowRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		l := pipes{make(chan net.Conn), make(chan struct{})}
		stop := r.listen(l)
		head := "Host: localhost\r\nAuthorization: Bearer " + r.token + "\r\n"
		for _, c := range []struct {
			what, first string
			drip        string // one byte each second
			status      int
			within      time.Duration
		}{
			{"nothing", "", "", closed, 11 * time.Second},
			{"slow headers", "GET /healthz HTTP/1.1\r\nHost: a\r\n", strings.Repeat("X", 60), 400, 11 * time.Second},
			{"slow body", "POST /conversations/a/Recordings HTTP/1.1\r\n" + head + "Content-Length: 100\r\n\r\n", strings.Repeat(" ", 60), 400, 21 * time.Second},
			{"no body", "POST /calling/recordings HTTP/1.1\r\n" + head + "Content-Length: 100\r\n\r\n", "", 400, 21 * time.Second},
			{"slow chunks", "POST /conversations/a/Recordings HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\n \r\n", 10), 400, 21 * time.Second},
		} {
			began := time.Now()
			conn := l.dial()
			quit := make(chan struct{})
			go func() {
				defer close(quit)
				_, _ = io.WriteString(conn, c.first) // the server may have had enough
				for _, b := range []byte(c.drip) {
					time.Sleep(time.Second)
					if _, err := conn.Write([]byte{b}); err != nil {
						return
					}
				}
			}()
			status := closed
			if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				status = res.StatusCode
				_, _ = io.Copy(io.Discard, res.Body) // as much as there is
			}
			if took := time.Since(began); status != c.status || took > c.within {
				t.Errorf("%s: %d after %v, want %d within %v", c.what, status, took, c.status, c.within)
			}
			_ = conn.Close()
			<-quit
		}
		stop()
		r.close()
	})
}

// What is UTF-8 is kept as it is, and what can't be is replaced.
func TestUnicodeIsKept(t *testing.T) {
	r := newRig(t, nil)
	const id = "комната 🎥 \u202eלחדר"
	tok := r.sign(token.Claims{Scopes: []token.Scope{token.Control, token.Read}, Conversation: id})
	a := r.do("POST", "/calling/recordings", `{"callLocator":{"kind":"serverCallLocator","serverCallId":"`+id+`"},"operationContext":"\ud800"}`, "Authorization", "Bearer "+tok)
	var b struct{ RecordingID string }
	a.json(&b)
	var d struct{ ConversationID, OperationContext string }
	r.do("GET", "/recordings/"+b.RecordingID, "", "Authorization", "Bearer "+tok).json(&d)
	if d.ConversationID != id || !slices.Equal([]rune(d.OperationContext), []rune{0xfffd}) {
		t.Errorf("%d %+v", a.Code, d)
	}
}
