package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// treeUsage returns the CPU time of a process and its descendants, with that of
// descendants that have ended, and their memory: shared pages count once.
func treeUsage(pid int) (cpu time.Duration, memory int64) {
	const jiffy = 10 * time.Millisecond // USER_HZ is 100 on all that Go runs on
	parents := make(map[int]int)
	times := make(map[int]time.Duration)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		id, _ := strconv.Atoi(strings.Split(name, "/")[2])
		fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // from the third on
		number := func(i int) int64 { n, _ := strconv.ParseInt(string(fields[i-3]), 10, 64); return n }
		parents[id] = int(number(4))
		times[id] = time.Duration(number(14)+number(15)+number(16)+number(17)) * jiffy
	}
	for id := range parents {
		if descends(parents, id, pid) {
			cpu += times[id]
			memory += proportionalSize(id)
		}
	}
	return cpu, memory
}

func descends(parents map[int]int, id, pid int) bool {
	for range len(parents) {
		if id == pid {
			return true
		}
		if id = parents[id]; id == 0 {
			return false
		}
	}
	return false
}

// proportionalSize returns a process's share of memory.
func proportionalSize(pid int) int64 {
	data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup") // none: it has ended
	return kilobytes(data, "Pss:")
}
