package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/servertest"
)

// serving is callreel serve, running in this process.
type serving struct {
	t        *testing.T
	data     string
	url      string
	out, log *servertest.Log
	stop     context.CancelFunc
	status   chan int
}

var greeting = regexp.MustCompile(`serves at (https?://\S+), `)

// serve runs callreel serve on a data directory.
func serve(t *testing.T, data string, args ...string) *serving {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{t: t, data: data, out: &servertest.Log{}, log: &servertest.Log{}, stop: stop, status: make(chan int, 1)}
	hello, told := io.Pipe()
	all := append([]string{
		"serve", "--listen", "127.0.0.1:0", "--data", data, "--size", "320x180", "--delay", "200ms",
		"--encoder-option", "preset=ultrafast;bf=0",
	}, args...)
	go func() {
		s.status <- run(ctx, all, io.MultiWriter(s.out, told), s.log)
		_ = told.CloseWithError(io.EOF)
	}()
	first := make([]byte, 4096)
	n, err := hello.Read(first)
	_ = hello.Close()
	m := greeting.FindSubmatch(first[:n])
	if err != nil || m == nil {
		t.Fatalf("%v: %s%s", err, s.out, s.log)
	}
	s.url = string(m[1])
	t.Cleanup(func() { s.end() })
	return s
}

// end stops the server and returns its exit status; twice is harmless.
func (s *serving) end() int {
	s.t.Helper()
	s.stop()
	http.DefaultClient.CloseIdleConnections()
	select {
	case status := <-s.status:
		s.status <- status
		return status
	case <-time.After(20 * time.Second):
		s.t.Fatalf("the server does not end\n%s", s.log)
		return 0
	}
}

// recordings runs callreel recordings against the server.
func (s *serving) recordings(command string, args ...string) string {
	s.t.Helper()
	all := append([]string{"recordings", command, "--to", s.url, "--data", s.data}, args...)
	status, stdout, stderr := call(s.t, all...)
	if status != 0 {
		s.t.Fatalf("%s: status %d: %s", command, status, stderr)
	}
	return strings.TrimSpace(stdout)
}

func TestServe(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data)
	key, err := os.ReadFile(filepath.Join(data, accessKeyFile))
	if err != nil || !strings.Contains(s.out.String(), strings.TrimSpace(string(key))) {
		t.Errorf("the key is not shown: %v\n%s", err, s.out)
	}
	id := s.recordings("start", "room 1", "--context", "test")
	s.recordings("pause", id)
	if got := s.recordings("show", id); !strings.Contains(got, `"state": "paused"`) {
		t.Errorf("%s", got)
	}
	s.recordings("resume", id)
	s.recordings("stop", id)
	if got := s.recordings("list"); !strings.Contains(got, id) || !strings.Contains(got, "completed") {
		t.Errorf("%s", got)
	}
	dir := t.TempDir()
	files := strings.Fields(s.recordings("download", id, "--dir", dir))
	if status, _, stderr := call(t, "inspect", files[0]); status != 0 || len(files) != 2 || !strings.HasPrefix(files[0], dir) {
		t.Errorf("%v: status %d: %s", files, status, stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
	s.recordings("stop", id) // harmless

	paused := s.recordings("start", "room-3", "--pause-on-start")
	if got := s.recordings("show", paused); !strings.Contains(got, `"state": "paused"`) {
		t.Errorf("%s", got)
	}
	last := s.recordings("start", "room-2")
	if status := s.end(); status != 0 {
		t.Errorf("status %d\n%s", status, s.log)
	}
	again := serve(t, data)
	if strings.Contains(again.out.String(), "new access key") {
		t.Error("another key was made")
	}
	got := again.recordings("show", last)
	if !strings.Contains(got, `"endReason": "Shutdown"`) || !strings.Contains(got, `"documentId"`) {
		t.Errorf("the recording that ran when the server stopped: %s", got)
	}
}

// Nothing is open, on the loopback interface neither, but with --dev.
func TestServeWithoutToken(t *testing.T) {
	for flag, want := range map[string]int{"--dev": 415, "--no-ipv6": 401} {
		s := serve(t, t.TempDir(), flag)
		res, err := http.Post(s.url+"/whip/room?participant=ann", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != want {
			t.Errorf("%s: %d, want %d; %v", flag, res.StatusCode, want, err)
		}
		s.end()
	}
}

func TestAddressInUse(t *testing.T) {
	s := serve(t, t.TempDir())
	addr := strings.TrimPrefix(s.url, "http://")
	if status, _, stderr := call(t, "serve", "--listen", addr, "--data", t.TempDir()); status != 2 || !strings.Contains(stderr, "in use") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

func TestIsLocal(t *testing.T) {
	for public, want := range map[string]bool{
		"": true, "http://localhost:8080": true, "http://127.0.0.1": true, "http://[::1]:80": true,
		"https://call.example": false, "http://192.0.2.1": false, "%": false,
	} {
		if got := isLocal(public); got != want {
			t.Errorf("%q: %v", public, got)
		}
	}
}
