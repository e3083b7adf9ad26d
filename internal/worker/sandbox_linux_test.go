package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// probe is what a process in the sandbox is to try.
type probe struct {
	Sandbox              sandbox
	Secret, Inside, Dial string // file, directory to write in, address
}

// outcome is what came of it: an errno, or 0 if it worked.
type outcome map[string]syscall.Errno

// runProbe is the process. What it tries is tried on a thread that was there before.
func runProbe(in io.Reader, out io.Writer) error {
	var p probe
	if err := json.NewDecoder(in).Decode(&p); err != nil {
		return err
	}
	begin, done := make(chan struct{}), make(chan outcome)
	go func() {
		runtime.LockOSThread()
		<-begin
		done <- p.try()
	}()
	if err := p.Sandbox.makeDirs(); err != nil {
		return err
	}
	for what, err := range p.Sandbox.confine() {
		_, _ = os.Stderr.WriteString(what + ": " + err.Error() + "\n")
	}
	close(begin)
	return json.NewEncoder(out).Encode(<-done)
}

func (p probe) try() outcome {
	o := outcome{}
	note := func(name string, err error) {
		var no syscall.Errno
		if err != nil && !errors.As(err, &no) {
			no = syscall.ENOMSG
		}
		o[name] = no
	}
	_, err := os.ReadFile(p.Secret)
	note("read", err)
	note("write", os.WriteFile(filepath.Join(filepath.Dir(p.Secret), "new"), nil, 0o600))
	note("environ", func() error { _, err := os.ReadFile("/proc/1/environ"); return err }())
	note("exec", exec.Command("/bin/true").Run())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	note("listen", err)
	if err == nil {
		_ = l.Close()
	}
	c, err := net.Dial("tcp", p.Dial)
	note("connect", err)
	if err == nil {
		_ = c.Close()
	}
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	note("udp", err)
	if err == nil {
		_ = u.Close()
	}
	note("ptrace", unix.PtraceAttach(os.Getppid()))
	note("mount", unix.Mount("none", p.Inside, "tmpfs", 0, ""))
	note("signal", unix.Kill(os.Getppid(), 0))
	note("spool", p.move())
	var core unix.Rlimit
	err = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	if core.Max > 0 {
		err = syscall.EPERM
	}
	note("core", err)
	return o
}

// move writes a file and links it to another directory, as a delivery does.
func (p probe) move() error {
	dir := filepath.Join(p.Inside, "recording")
	return errors.Join(
		os.Mkdir(dir, 0o700),
		os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600),
		os.Link(filepath.Join(dir, "a"), filepath.Join(p.Sandbox.Write[1], "a")),
		os.Rename(filepath.Join(p.Sandbox.Write[1], "a"), filepath.Join(p.Sandbox.Write[1], "b")),
	)
}

// A worker can do what it has to, and no more.
func TestSandbox(t *testing.T) {
	base := t.TempDir()
	secret := filepath.Join(base, "access-key")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	files, network := landlockSince(1) == nil, landlockSince(4) == nil
	for name, remote := range map[string]bool{"directory": false, "bucket": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := probe{Secret: secret, Inside: filepath.Join(dir, "spool"), Dial: l.Addr().String()}
			p.Sandbox = sandbox{Write: []string{p.Inside, filepath.Join(dir, "store")}, Connect: remote}
			got := p.run(t)
			for _, what := range []string{"udp", "spool", "core"} {
				if got[what] != 0 {
					t.Errorf("%s: %v", what, got[what])
				}
			}
			refused := map[string]bool{"exec": true, "listen": true, "ptrace": true, "mount": true}
			if files {
				refused["read"], refused["write"], refused["environ"] = true, true, true
			}
			if network && !remote {
				refused["connect"] = true
			} else if got["connect"] != 0 {
				t.Errorf("connect: %v", got["connect"])
			}
			for what := range refused {
				if no := got[what]; no != syscall.EPERM && no != syscall.EACCES {
					t.Errorf("%s: %v", what, no)
				}
			}
		})
	}
}

func (p probe) run(t *testing.T) (got outcome) {
	t.Helper()
	input, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "probe")
	cmd.Stdin = bytes.NewReader(input)
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &says)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	t.Logf("%v %s", got, &says)
	return got
}
