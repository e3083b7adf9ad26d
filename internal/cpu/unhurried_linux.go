package cpu

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much timers of an unhurried process may be late.
const timerSlack = 5 * time.Millisecond

// Unhurried runs start. The timers of a process that it starts may be up to 5 ms
// late. The thread of Go's runtime that watches over the others wakes every 70 us
// as long as anything goes on; so it wakes every 5 ms, which does as well where
// media are processed.
func Unhurried(start func() error) (err error) {
	runtime.LockOSThread() // what it starts inherits from the thread
	defer runtime.UnlockOSThread()
	former, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return start()
	}
	if unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) == nil {
		defer func() { err = errors.Join(err, unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(former), 0, 0, 0)) }()
	}
	return start()
}
