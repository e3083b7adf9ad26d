package cpu

import (
	"errors"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUnhurried(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slack := func() int {
		n, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := slack()
	var out []byte
	err := Unhurried(func() (err error) {
		out, err = exec.Command("cat", "/proc/self/timerslack_ns").Output()
		return err
	})
	if err != nil {
		t.Skip(err) // the system doesn't tell
	}
	if got := strings.TrimSpace(string(out)); got != strconv.Itoa(int(timerSlack)) {
		t.Errorf("timers may be %s ns late", got)
	}
	failure := errors.New("x")
	if err := Unhurried(func() error { return failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	if after := slack(); after != before {
		t.Errorf("%d ns, %d before", after, before)
	}
}
