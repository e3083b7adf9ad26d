package callreel

import "time"

const (
	// loadSpan is how much is recorded for a measurement of what that takes, and
	// loadSpans how many of them count.
	loadSpan  = 10 * time.Second
	loadSpans = 6
)

// Load is what a running recording asks of the machine.
type Load struct {
	// Cores is the CPU time that a second of the recording takes, in seconds: the
	// most of the last minute, measured over 10 s each. Zero: it is not known yet,
	// or the system doesn't tell.
	Cores float64
	// Level is how far it is overloaded, as in OverloadSpan, and Lateness how late
	// its newest frame was.
	Level    int
	Lateness time.Duration
}

// loadMeter measures a Load.
type loadMeter struct {
	recorded, cpu time.Duration // at the end of the last measurement
	cores         []float64     // the last ones
}

// note takes in what was recorded and took CPU time so far.
func (m *loadMeter) note(recorded, cpu time.Duration) {
	d := recorded - m.recorded
	if d < loadSpan {
		return
	}
	m.cores = append(m.cores, (cpu-m.cpu).Seconds()/d.Seconds())
	m.cores = m.cores[max(0, len(m.cores)-loadSpans):]
	m.recorded, m.cpu = recorded, cpu
}

func (m *loadMeter) most() (most float64) {
	for _, c := range m.cores {
		most = max(most, c)
	}
	return most
}

// Load returns what the recording asks of the machine, up to a second ago.
func (r *Recording) Load() Load {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.load
}
