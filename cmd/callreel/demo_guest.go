package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// guest is a simulated participant in a process of its own, so that what the
// server costs can be told from what the participants cost.
type guest struct {
	cmd  *exec.Cmd
	log  bytes.Buffer
	gone bool
}

// guestPatience is how long a guest may take to leave.
const guestPatience = 10 * time.Second

// invite starts a participant, with the server's access key to sign a token with.
func invite(server string, key []byte, number int, codec string) (*guest, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &guest{cmd: exec.Command(self, "simulate", "--to", server, "--call", demoCall,
		"--participants", "1", "--first", strconv.Itoa(number), "--codec", codec, "--for", "2m")}
	g.cmd.Env = append(os.Environ(), "CALLREEL_ACCESS_KEY="+base64.StdEncoding.EncodeToString(key))
	g.cmd.Stdout, g.cmd.Stderr = &g.log, &g.log
	g.cmd.WaitDelay = guestPatience
	return g, g.cmd.Start()
}

// leave lets the participant hang up and waits for it. Leaving twice is harmless.
func (g *guest) leave() error {
	if g.gone {
		return nil
	}
	g.gone = true
	kill := time.AfterFunc(guestPatience, func() { _ = g.cmd.Process.Kill() })
	defer kill.Stop()
	err := g.cmd.Process.Signal(os.Interrupt)
	if err := errors.Join(err, g.cmd.Wait()); err != nil {
		return fmt.Errorf("participant: %w\n%s", err, g.log.Bytes())
	}
	return nil
}

// cpuMeter measures the CPU time of this process.
type cpuMeter struct{ from, to time.Duration }

func (m *cpuMeter) start() { m.from = cpuTime() }
func (m *cpuMeter) stop()  { m.to = cpuTime() }

func (m *cpuMeter) used() time.Duration { return m.to - m.from }

// cpuTime returns the CPU time that this process has used, all threads together.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
