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

// ticksPerSecond is USER_HZ, which is the same everywhere.
const ticksPerSecond = 100

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
