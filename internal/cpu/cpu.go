// Package cpu tells how much of the machine's processors this process has used,
// and may use. It measures; it limits nothing.
package cpu

import (
	"bufio"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Measure runs do and returns the CPU time that its goroutine used in it. What do
// starts on other threads is not counted. Where the system doesn't tell the time
// of a thread it is zero.
func Measure(do func() error) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := threadTime()
	err := do()
	return threadTime() - begin, err
}

// Process returns the CPU time that this process has used, all threads together.
// Where the system doesn't tell, it is zero.
func Process() time.Duration { return processTime() }

// Cores returns how many processors this process may use at a time: those that
// it may run on, within the quota of its control groups (Linux), which may be a
// fraction.
func Cores() float64 {
	cores := float64(runtime.NumCPU())
	if quota, ok := cgroupQuota(os.DirFS("/"), "proc/self/cgroup"); ok {
		cores = min(cores, quota)
	}
	return cores
}

// cgroupQuota returns the least quota of the groups that a process is in, and of
// those above them. list is its /proc/PID/cgroup.
func cgroupQuota(root fs.FS, list string) (cores float64, ok bool) {
	f, err := root.Open(list)
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }() // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// hierarchy:controllers:group; in version 2 there are no controllers
		_, rest, _ := strings.Cut(lines.Text(), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		var mount string
		var read func(fs.FS, string) (float64, bool)
		switch {
		case controllers == "":
			mount, read = "sys/fs/cgroup", quota2
		case strings.Contains(","+controllers+",", ",cpu,"):
			mount, read = "sys/fs/cgroup/cpu", quota1
		default:
			continue
		}
		// In a container the path may be that outside of it: then there is
		// nothing there, and the group itself is at the top.
		for dir := path.Join("/", group); ; dir = path.Dir(dir) {
			if q, has := read(root, path.Join(mount, dir)); has && (!ok || q < cores) {
				cores, ok = q, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return cores, ok
}

// quota2 reads cpu.max: microseconds in a period, or max.
func quota2(root fs.FS, dir string) (float64, bool) {
	text, _ := fs.ReadFile(root, path.Join(dir, "cpu.max")) // none means no quota
	quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return share(quota, period)
}

// quota1 reads the two files of version 1, where -1 is no quota.
func quota1(root fs.FS, dir string) (float64, bool) {
	quota, _ := fs.ReadFile(root, path.Join(dir, "cpu.cfs_quota_us")) // likewise
	period, _ := fs.ReadFile(root, path.Join(dir, "cpu.cfs_period_us"))
	return share(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

func share(quota, period string) (float64, bool) {
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	return q / p, err1 == nil && err2 == nil && q > 0 && p > 0
}
