package cpu

import (
	"crypto/sha256"
	"errors"
	"runtime"
	"testing"
	"testing/fstest"
	"time"
)

// spin uses the processor for a while, by the clock that is not under test.
func spin(d time.Duration) {
	var sum [sha256.Size]byte
	for end := time.Now().Add(d); time.Now().Before(end); {
		sum = sha256.Sum256(sum[:])
	}
	runtime.KeepAlive(sum)
}

func TestMeasure(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system doesn't tell")
	}
	before := Process()
	failure := errors.New("x")
	busy, err := Measure(func() error { spin(200 * time.Millisecond); return failure })
	if !errors.Is(err, failure) {
		t.Error(err)
	}
	if busy < 20*time.Millisecond || busy > 250*time.Millisecond { // others want the processor too
		t.Errorf("%v of a busy goroutine", busy)
	}
	if all := Process() - before; all < busy {
		t.Errorf("the process %v, one goroutine of it %v", all, busy)
	}
	done := make(chan struct{})
	idle, _ := Measure(func() error {
		go func() { defer close(done); spin(100 * time.Millisecond) }()
		<-done
		return nil
	})
	if idle > 50*time.Millisecond {
		t.Errorf("%v of a goroutine that waited for another", idle)
	}
}

func TestCores(t *testing.T) {
	if n := Cores(); n <= 0 || n > float64(runtime.NumCPU()) {
		t.Errorf("%v of %d", n, runtime.NumCPU())
	}
	const v1 = "2:cpuacct:/x\n5:cpu,cpuset:/a\n0::/\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"none":               {map[string]string{}, 0},
		"version 2, no file": {map[string]string{"list": "0::/a\n"}, 0},
		"version 2, no bound": {map[string]string{
			"list": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n",
		}, 0},
		"version 2": {map[string]string{
			"list": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
		}, 1.5},
		"version 2, less above": {map[string]string{
			"list": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n",
		}, 0.5},
		"version 2, path of outside": {map[string]string{
			"list": "0::/docker/123\n", "sys/fs/cgroup/cpu.max": "200000 100000\n",
		}, 2},
		"version 1": {map[string]string{
			"list": v1, "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "75000\n", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "50000\n",
		}, 1.5},
		"version 1, no bound": {map[string]string{
			"list": v1, "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "50000\n",
		}, 0},
		"nonsense": {map[string]string{"list": "0::/a\nx\n::\n", "sys/fs/cgroup/a/cpu.max": "many 0\n"}, 0},
	} {
		root := fstest.MapFS{}
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got, ok := cgroupQuota(root, "list"); ok != (c.want > 0) || ok && got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, ok, c.want)
		}
	}
}
