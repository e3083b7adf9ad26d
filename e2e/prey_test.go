package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
)

// prey is a server that is killed, and started again at the same address.
type prey struct {
	t    *testing.T
	url  string
	data string
	args []string
	log  *os.File

	cmd     *exec.Cmd
	ready   chan struct{} // closed when it answers, or has ended
	gone    chan struct{} // closed when it has ended
	started int
}

// newPrey prepares a server whose recordings cost little.
func newPrey(t *testing.T, flags ...string) *prey {
	t.Helper()
	dir := t.TempDir()
	p := &prey{t: t, data: filepath.Join(dir, "data")}
	var err error
	p.log, err = os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	must(t, err)
	address := quietAddress(t)
	p.url = "http://" + address
	p.args = append([]string{
		"serve", "--dev", "--listen", address, "--data", p.data, "--size", "640x360", "--rate-limit=-1", "--admission=off",
	}, flags...)
	t.Cleanup(p.end)
	return p
}

// quietAddress returns one on the loopback interface that no connection takes
// while there is no server, because its port is below those of connections.
func quietAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000)))
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address); err == nil {
			must(t, l.Close())
			return address
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// start starts the server and returns at once.
func (p *prey) start() {
	p.started++
	cmd := exec.Command(program, p.args...)
	cmd.Stderr = p.log
	cmd.Env = append(os.Environ(), "GOTRACEBACK=none") // not all goroutines of each that is killed
	out, err := cmd.StdoutPipe()
	must(p.t, err)
	must(p.t, cmd.Start())
	ready, gone := make(chan struct{}), make(chan struct{})
	p.cmd, p.ready, p.gone = cmd, ready, gone
	go func() {
		up := sync.OnceFunc(func() { close(ready) })
		r := bufio.NewReader(out)
		if line, _ := r.ReadString('\n'); strings.Contains(line, " serves at ") {
			up()
		}
		_, _ = io.Copy(io.Discard, r)
		_ = cmd.Wait() // by what it was killed is known
		up()
		close(gone)
	}()
}

// lives lets the server live for a while, which it must.
func (p *prey) lives(d time.Duration) {
	p.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.gone:
		p.t.Errorf("the server has ended by itself: %v", p.cmd.ProcessState)
		p.start()
	}
}

// kill kills the server and starts it again.
func (p *prey) kill(signal syscall.Signal) {
	p.t.Helper()
	_ = p.cmd.Process.Signal(signal) // lives has seen it alive
	p.await(signal)
	p.start()
}

func (p *prey) await(signal syscall.Signal) {
	p.t.Helper()
	select {
	case <-p.gone:
	case <-time.After(time.Minute):
		p.t.Errorf("the server does not end of %v", signal)
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// end ends the server for good, and keeps its log if something is wrong.
func (p *prey) end() {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		p.await(syscall.SIGTERM)
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			p.t.Errorf("the server ends with %d", code)
		}
	}
	if p.t.Failed() {
		var log []string // without what the runtime says when it is killed
		for line := range strings.Lines(string(p.tail(1 << 20))) {
			if strings.HasPrefix(line, "time=") || strings.HasPrefix(line, "panic") {
				log = append(log, line)
			}
		}
		p.t.Logf("the end of the server's log:\n%s", strings.Join(log[max(0, len(log)-100):], ""))
	}
	must(p.t, p.log.Close())
}

// tail returns the end of the log.
func (p *prey) tail(n int64) []byte {
	st, err := p.log.Stat()
	must(p.t, err)
	b := make([]byte, min(n, st.Size()))
	_, err = p.log.ReadAt(b, st.Size()-int64(len(b)))
	must(p.t, err)
	return b
}

// workers are the processes that the server has started.
func (p *prey) workers() (pids []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
	for _, file := range files {
		text, _ := os.ReadFile(file) // the thread may have ended
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// running asks for the recordings that run, once.
func (c *chaos) running(ctx context.Context) (all []client.Recording, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var list struct{ Recordings []client.Recording }
	err = c.get(ctx, "/recordings?state=starting&state=active&state=paused&state=stopping", &list)
	return list.Recordings, err
}

// get asks the server once.
func (c *chaos) get(ctx context.Context, path string, into any) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.prey.url+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, res.StatusCode)
	}
	return json.NewDecoder(res.Body).Decode(into)
}
