package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/servertest"
)

// server is a running callreel serve.
type server struct {
	t     *testing.T
	url   string
	data  string // directory
	token string // to control and read
	http  *http.Client

	cmd  *exec.Cmd
	log  servertest.Log
	stop func() error
}

// serve runs a server on any free port, until the test ends.
func serve(t *testing.T, flags ...string) *server {
	t.Helper()
	return serveData(t, t.TempDir(), flags...)
}

// serveData runs a server on a data directory that may have been used before.
// Whoever is on this machine may publish.
func serveData(t *testing.T, data string, flags ...string) *server {
	t.Helper()
	return start(t, data, exec.Command(program, append([]string{"serve", "--dev", "--listen=127.0.0.1:0", "--data", data}, flags...)...))
}

// start runs a server until the test ends. Then it must exit in peace.
func start(t *testing.T, data string, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, data: data, cmd: cmd, http: http.DefaultClient}
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	greeting := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		greeting <- line
		_, _ = io.Copy(io.Discard, r)
		exited <- s.cmd.Wait()
	}()
	s.stop = sync.OnceValue(func() error { return s.terminate(exited) })
	t.Cleanup(s.end)
	s.url = address(t, <-greeting)
	s.token = strings.TrimSpace(s.command("token", "--scope", "control,read", "--data", data))
	return s
}

// address finds the URL in what a server says first.
func address(t *testing.T, greeting string) string {
	t.Helper()
	_, rest, ok := strings.Cut(greeting, " serves at ")
	url, _, comma := strings.Cut(rest, ",")
	if !ok || !comma {
		t.Fatalf("the server says %q", greeting)
	}
	return url
}

// terminate asks the server to end and returns how it did.
func (s *server) terminate(exited <-chan error) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-exited:
		return err
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("does not end"), s.cmd.Process.Kill(), <-exited)
	}
}

func (s *server) end() {
	if err := s.stop(); err != nil {
		s.t.Errorf("server: %v", err)
	}
	if s.t.Failed() {
		s.t.Logf("server's log:\n%s", s.log.String())
	}
}

// command runs callreel and returns what it prints.
func (s *server) command(args ...string) string {
	s.t.Helper()
	return callreel(s.t, args...)
}

// callreel runs the command, which must succeed, and returns what it prints.
func callreel(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("callreel %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.Bytes())
	}
	return string(out)
}

// stored returns the path of a file of a recording in the data directory.
func (s *server) stored(recording, name string) string {
	return filepath.Join(s.data, "recordings", recording, name)
}

// pass lets the call go on.
func pass(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// eventually waits until a condition holds; what says what is missing until then.
func eventually(t testing.TB, cond func() (ok bool, what string)) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		ok, what := cond()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain: ", what)
		case <-t.Context().Done():
			t.Fatal(fmt.Errorf("%s: %w", what, t.Context().Err()))
		}
	}
}
