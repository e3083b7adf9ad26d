//go:build !linux

package bench

import (
	"runtime"
	"time"

	"github.com/callreel/callreel/internal/cpu"
)

func peakRSS() int64 { return 0 }

func fileRSS() int64 { return 0 }

func memoryNow() int64 { return 0 }

func load() float64 { return 0 }

func pageFault() time.Duration { return 0 }

func thisMachine() Machine {
	return Machine{CPU: runtime.GOARCH, Cores: cpu.Cores(), Kernel: runtime.GOOS}
}
