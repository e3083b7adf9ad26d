package cpu

import (
	"time"

	"golang.org/x/sys/unix"
)

func threadTime() time.Duration  { return read(unix.CLOCK_THREAD_CPUTIME_ID) }
func processTime() time.Duration { return read(unix.CLOCK_PROCESS_CPUTIME_ID) }

func read(clock int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(clock, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
