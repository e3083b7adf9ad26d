package bench

import (
	"bufio"
	"bytes"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callreel/callreel/internal/cpu"
)

// peakRSS returns the most memory that this process has had, in bytes.
func peakRSS() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss << 10
}

// load returns the machine's load over the last minute.
func load() float64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	const scale = 1 << 16
	return float64(s.Loads[0]) / scale
}

// thisMachine describes it.
func thisMachine() Machine {
	m := Machine{CPU: "unknown", Cores: cpu.Cores()}
	info, _ := os.ReadFile("/proc/cpuinfo") // none leaves it unknown
	for lines := bufio.NewScanner(bytes.NewReader(info)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		m.Memory = int64(s.Totalram) * int64(s.Unit)
	}
	return m
}
