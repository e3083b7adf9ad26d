package bench

import (
	"os"
	"sync"
	"time"
)

// usage is what a peer used.
type usage struct {
	cpu    time.Duration
	memory int64         // at most at a time, in bytes
	span   time.Duration // between the marks; zero without
}

// treeWatch looks at a process and its descendants now and then.
type treeWatch struct {
	pid  int
	quit chan struct{}
	done sync.WaitGroup

	mu          sync.Mutex
	memory      int64
	began, over time.Duration // CPU time at the marks
	since       time.Time
	span        time.Duration
}

const watchEvery = 200 * time.Millisecond

// watchTree watches until end.
func watchTree(pid int) *treeWatch {
	w := &treeWatch{pid: pid, quit: make(chan struct{})}
	w.done.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, memory := treeUsage(w.pid)
				w.mu.Lock()
				w.memory = max(w.memory, memory)
				w.mu.Unlock()
			case <-w.quit:
				return
			}
		}
	})
	return w
}

// mark notes that recording begins or ends.
func (w *treeWatch) mark(begin bool) {
	cpu, _ := treeUsage(w.pid)
	w.mu.Lock()
	defer w.mu.Unlock()
	if begin {
		w.began, w.since, w.memory = cpu, time.Now(), 0
		return
	}
	w.over, w.span = cpu, time.Since(w.since)
}

// end returns what was used: between the marks, or else by all that state tells of.
func (w *treeWatch) end(state *os.ProcessState) usage {
	close(w.quit)
	w.done.Wait()
	u := usage{memory: w.memory, span: w.span}
	if u.span > 0 {
		u.cpu = w.over - w.began
	} else if state != nil {
		u.cpu = state.UserTime() + state.SystemTime()
	}
	return u
}
