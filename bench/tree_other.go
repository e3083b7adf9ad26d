//go:build !linux

package bench

import "time"

func treeUsage(int) (cpu time.Duration, memory int64) { return 0, 0 }
