// Package servertest runs servers of object storage for tests: real ones, so that
// a test shows what a service does and not what somebody thought it does. They
// listen on the loopback interface and keep their files in the test's directory.
//
// What stands for which service: versitygw for S3, Azurite for Azure Blob Storage,
// fake-gcs-server for Google Cloud Storage. The Go ones are built from the modules
// in scripts/, the other is installed with npm; all are kept in the user's cache.
// Where that is not possible the test is skipped, and says why.
package servertest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const startTimeout = 30 * time.Second

// Server is a server in a process of its own, which ends with the test. Kill may
// be called by any goroutine.
type Server struct {
	tb      testing.TB
	addr    string // host:port
	command []string
	log     string // file
	mu      sync.Mutex
	process *exec.Cmd // nil once it is killed
	buckets atomic.Int64
	service
}

// service is what is special about a kind of server.
type service struct {
	name string
	// create makes a bucket, and locate returns the location of one.
	create func(s *Server, bucket string) error
	locate func(addr, bucket string) string
}

// start starts a server: command makes the command line for an address and a
// directory for data.
func start(tb testing.TB, kind service, command func(host, port, dir string) []string) *Server {
	tb.Helper()
	dir := tb.TempDir()
	host, port := freePort(tb)
	s := &Server{
		tb: tb, service: kind, addr: net.JoinHostPort(host, port),
		command: command(host, port, dir), log: filepath.Join(tb.TempDir(), "log"),
	}
	tb.Cleanup(s.Kill)
	s.Start()
	return s
}

func freePort(tb testing.TB) (host, port string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	host, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return host, port
}

// Start starts the server again after Kill, with what it had.
func (s *Server) Start() {
	s.tb.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	p := exec.Command(s.command[0], s.command[1:]...)
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		_ = p.Wait() // it is killed
		close(ended)
	}()
	for deadline := time.After(startTimeout); ; {
		if c, err := net.Dial("tcp", s.addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			s.tb.Fatalf("%s ended\n%s", s.name, s.Log())
		case <-deadline:
			s.tb.Fatalf("%s does not listen\n%s", s.name, s.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server at once, in the middle of whatever it does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill() // it may have ended
	s.process = nil
	for {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

// URL is where the server answers.
func (s *Server) URL() string { return "http://" + s.addr }

// Log returns what the server has written.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Bucket makes a new, empty bucket and returns its location for bucket.Open.
func (s *Server) Bucket() string {
	s.tb.Helper()
	name := fmt.Sprintf("bucket-%d", s.buckets.Add(1))
	if err := s.create(s, name); err != nil {
		s.tb.Fatalf("%s: make %s: %v", s.name, name, err)
	}
	return s.Location(name)
}

// Location is that of a bucket which may not be there.
func (s *Server) Location(bucket string) string { return s.locate(s.addr, bucket) }
