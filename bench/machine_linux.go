package bench

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callreel/callreel/internal/cpu"
)

// peakRSS returns the most memory that this process has had, in bytes. Not by
// getrusage: there it begins with that of the process that started this one.
func peakRSS() int64 {
	data, _ := os.ReadFile("/proc/self/status") // none leaves it unknown
	return kilobytes(data, "VmHWM:")
}

// fileRSS returns how much of this process's memory is that of files: the binary
// and the libraries, which all processes that run them share.
func fileRSS() int64 {
	data, _ := os.ReadFile("/proc/self/status")
	return kilobytes(data, "RssFile:")
}

// memoryNow returns how much memory this process has, in bytes.
func memoryNow() int64 {
	data, _ := os.ReadFile("/proc/self/status")
	return kilobytes(data, "VmRSS:")
}

// kilobytes finds a line of a file of /proc, and returns its value in bytes.
func kilobytes(data []byte, name string) int64 {
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
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

// pageFault returns the processor time that a page of memory takes which is used for
// the first time: under some hypervisors many times as long as elsewhere, and
// whoever begins anew, as all subjects do, pays it for all its memory. Zero: unknown.
func pageFault() time.Duration {
	const pages = 4096
	size := os.Getpagesize()
	memory, err := unix.Mmap(-1, 0, pages*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Munmap(memory) }()     // it is ours
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE) // there may be no huge pages
	spent, _ := cpu.Measure(func() error {         // never fails
		for at := 0; at < len(memory); at += size {
			memory[at] = 1
		}
		return nil
	})
	return spent / pages
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
