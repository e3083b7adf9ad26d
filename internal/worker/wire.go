package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	maxCommand = 1 << 20  // bytes
	maxAnswer  = 64 << 20 // bytes: a long call has many stays and pauses

	// toldHeader is in each answer: how many events were told before it.
	toldHeader = "X-Callreel-Told"
	// grantHeader says who publishes: for the worker's WHIP.
	grantHeader = "X-Callreel-Grant"
)

// errFailed: a worker could not be started.
var errFailed = errors.New("worker: it does not start")

// errGone: the other process has ended, or is about to.
var errGone = errors.New("worker: the process has ended")

// socketPair makes two sockets that are connected: one to use, one to give away.
func socketPair(kind int) (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("worker: socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "server")
	conn, err := net.FileConn(ours)
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("worker: socket pair: %w", err), theirs.Close())
	}
	return conn, theirs, nil
}

// plainHTTP2 is what both sides speak: many requests at a time over one connection.
func plainHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// newTransport sends requests over one connection. It can't get another one.
func newTransport(conn net.Conn) *http.Transport {
	var used atomic.Bool
	return &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, errGone
			}
			return conn, nil
		},
		Protocols:          plainHTTP2(),
		HTTP2:              &http.HTTP2Config{StrictMaxConcurrentRequests: true},
		DisableCompression: true,
	}
}

// oneConn is a listener with one connection, which then waits to be closed.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

func newOneConn(c net.Conn) *oneConn {
	l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{}), addr: c.LocalAddr()}
	l.conn <- c
	return l
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return l.addr }

// readJSON reads a message that must not be longer than limit.
func readJSON(r io.Reader, limit int64, dst any) error {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return err
	case int64(len(b)) > limit:
		return fmt.Errorf("worker: a message of more than %d bytes", limit)
	}
	return json.Unmarshal(b, dst)
}
