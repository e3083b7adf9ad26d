package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// niceness is how much workers stand back behind the server.
	niceness = 2
	// ticksPerSecond is USER_HZ, which is the same everywhere.
	ticksPerSecond = 100
)

// lower gives a worker less of the processors, if there is not enough for all.
// The group is the worker alone, with all of its threads.
func lower(pid int) {
	if own, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		_ = unix.Setpriority(unix.PRIO_PGRP, pid, min(19, 20-own+niceness)) // without it nothing is worse
	}
}

// measure asks the system what the worker takes.
func (w *worker) measure() {
	dir := "/proc/" + strconv.Itoa(w.cmd.Process.Pid)
	var pages, utime, stime int64
	statm, err := os.ReadFile(dir + "/statm")
	if err == nil {
		_, err = fmt.Fscan(bytes.NewReader(statm), new(int64), &pages)
	}
	stat, err2 := os.ReadFile(dir + "/stat")
	_, rest, ok := strings.Cut(string(stat), ") ") // after the name
	fields := strings.Fields(rest)
	if err != nil || err2 != nil || !ok || len(fields) < 13 {
		return // it has ended
	}
	utime, _ = strconv.ParseInt(fields[11], 10, 64)
	stime, _ = strconv.ParseInt(fields[12], 10, 64)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.memory = pages * int64(os.Getpagesize())
	w.cpu = time.Duration(utime+stime) * time.Second / ticksPerSecond
}

// widen lets more wait in a socket, as far as the system allows it.
func widen(socket any) {
	c, ok := socket.(interface {
		SyscallConn() (syscall.RawConn, error)
	})
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, linkBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, linkBuffer)
		}
	})
}
