package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/cpu"
)

const (
	// startTime is how long a worker may take until it answers.
	startTime = 20 * time.Second
	// lookTime is how long the answer to how it is may take.
	lookTime = 2 * time.Second
	// flushTime is how long an answer is held back for the events before it.
	flushTime = 2 * time.Second
	// goneTime is how long after a failure a worker's end is awaited.
	goneTime = 5 * time.Second
)

// worker is a process that holds a conversation, seen from the server.
type worker struct {
	pool         *Pool
	conversation string
	cmd          *exec.Cmd
	conn         net.Conn
	http         *http.Transport
	media        *link

	ready chan struct{} // closed when it answers, or will not
	err   error         // why it will not
	gone  chan struct{} // closed when the process has ended and its events are heard
	// buried is closed when its recordings are nobody's after that.
	buried chan struct{}
	exit   error // how the process ended; once it is gone

	mu       sync.Mutex
	last     status // as far as it is known
	heard    uint64 // events
	more     chan struct{}
	users    int    // requests under way
	requests uint64 // so far
	retired  bool   // it was told to end
	callID   string // of the call that there is
	cpu      time.Duration
	memory   int64
}

// spawn starts a process.
func (p *Pool) spawn(conversation string) (*worker, error) {
	conn, theirs, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	w := &worker{
		pool: p, conversation: conversation, conn: conn, http: newTransport(conn),
		ready: make(chan struct{}), gone: make(chan struct{}), buried: make(chan struct{}), more: make(chan struct{}),
	}
	media, shared, err := newLink(p.cfg.UDP != nil, p.cfg.TCP != nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close(), theirs.Close())
	}
	w.media = media
	files := append([]*os.File{theirs}, shared...)
	if err := errors.Join(w.start(files), closeFiles(files)); err != nil {
		return nil, errors.Join(err, conn.Close(), media.close())
	}
	return w, nil
}

func (w *worker) start(files []*os.File) error {
	p := w.pool
	input, err := json.Marshal(p.order(w.conversation))
	if err != nil {
		return err
	}
	w.cmd = exec.Command(p.cfg.Command[0], p.cfg.Command[1:]...)
	w.cmd.Stdin, w.cmd.ExtraFiles, w.cmd.Env = bytes.NewReader(input), files, p.cfg.Env
	w.cmd.Dir = "/"
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.cfg.Credential} // a terminal's signals are for the server
	w.cmd.Stderr = &logLines{log: p.log.With("conversation", w.conversation), pid: func() int { return w.cmd.Process.Pid }}
	if err := cpu.Unhurried(w.cmd.Start); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return nil
}

// greet waits until the worker answers.
func (w *worker) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	_, err := w.look(ctx)
	return err
}

// call sends a request and reads the answer into dst. When it returns, all that
// was told before the answer has been heard.
func (w *worker) call(ctx context.Context, method, path string, body, dst any) error {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://worker"+path, send)
	if err != nil {
		return err
	}
	res, err := w.http.RoundTrip(req)
	if err != nil {
		return w.failed(ctx, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read, or never will be
	if res.StatusCode != http.StatusOK {
		var p problem
		if err := readJSON(res.Body, maxAnswer, &p); err != nil {
			return w.failed(ctx, fmt.Errorf("status %d: %w", res.StatusCode, err))
		}
		w.await(ctx, res.Header.Get(toldHeader))
		return p.err()
	}
	if err := readJSON(res.Body, maxAnswer, dst); err != nil {
		return w.failed(ctx, err)
	}
	w.await(ctx, res.Header.Get(toldHeader))
	return nil
}

// failed finds out whether a request failed because the worker has ended.
func (w *worker) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(goneTime)
	defer timer.Stop()
	select {
	case <-w.gone:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("worker: %w", err)
	}
}

// await waits until as many events have been heard as were told, but not for long.
func (w *worker) await(ctx context.Context, told string) {
	n, err := strconv.ParseUint(told, 10, 64)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	for {
		w.mu.Lock()
		enough, more := w.heard >= n, w.more
		w.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-more:
		case <-w.gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// listen hears events until the worker ends.
func (w *worker) listen(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://worker/events", nil)
	if err != nil {
		return err
	}
	res, err := w.http.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	for in := json.NewDecoder(&bounded{in: res.Body}); ; {
		var e event
		if err := in.Decode(&e); err != nil {
			return err
		}
		w.hear(e.event())
	}
}

// bounded fails when it is read for too long without a newline.
type bounded struct {
	in   io.Reader
	line int // bytes since the last one
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
		b.line = n - i
	} else if b.line += n; b.line > maxAnswer {
		return 0, fmt.Errorf("worker: an event of more than %d bytes", maxAnswer)
	}
	return n, err
}

func (w *worker) hear(e callreel.Event) {
	w.mu.Lock()
	w.noteCall(e)
	w.mu.Unlock()
	w.pool.happened(e)
	w.mu.Lock()
	w.heard++
	close(w.more)
	w.more = make(chan struct{})
	w.mu.Unlock()
}

// noteCall keeps the ID of the call; w.mu is held.
func (w *worker) noteCall(e callreel.Event) {
	switch e.Type {
	case callreel.CallStarted:
		w.callID = e.Call
	case callreel.CallEnded:
		w.callID = ""
	}
}

// look returns how the worker is; if it does not say so, how it was.
func (w *worker) look(ctx context.Context) (status, error) {
	var s status
	err := w.call(ctx, http.MethodGet, "/status", nil, &s)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		return w.last, err
	}
	w.last = s
	return s, nil
}

// now is look, in no time.
func (w *worker) now() status {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	select {
	case <-w.ready:
	case <-ctx.Done():
		return status{}
	}
	s, _ := w.look(ctx)
	return s
}

// close tells the worker to end all that it does.
func (w *worker) close(ctx context.Context) error {
	var last closing
	if err := w.call(ctx, http.MethodPost, "/close", nil, &last); err != nil {
		return err
	}
	w.mu.Lock()
	w.last = last.Status
	w.mu.Unlock()
	return last.Err.err()
}
