package control

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/callreel/callreel"
)

// loadCollector tells what recordings ask of the machine, and what it can't do.
type loadCollector struct {
	server *Server
	descs
}

func describeLoad() descs {
	d := descs{}
	d.add("recording_cores", "Cores that a running recording takes: the mean, and the most.", "of")
	d.add("cpu_cores", "Processors that the server may use, within its quota.")
	d.add("recordings_available", "How many more recordings there is room for, by estimate.")
	d.add("recordings_overloaded", "Recordings that can't keep up, by the level of what they leave out.", "level")
	d.add("overload_steps_total", "Changes of the level of overload, by direction.", "direction")
	d.add("overloaded_seconds_total", "Length of what was recorded at a level of overload.")
	d.add("held_frames_total", "Frames that repeat a picture because the recorder could not keep up.")
	return d
}

// Collect asks the recordings.
func (c loadCollector) Collect(to chan<- prometheus.Metric) {
	d := c.server.demand()
	mean, most := d.mean()
	c.gauge(to, "recording_cores", mean, "mean")
	c.gauge(to, "recording_cores", most, "most")
	c.gauge(to, "cpu_cores", d.cores)
	c.gauge(to, "recordings_available", float64(c.server.capacityFor(d).Available))
	var levels [callreel.MaxOverloadLevel + 1]int
	for _, l := range d.loads {
		levels[l.Level]++
	}
	for level, n := range levels[1:] {
		c.gauge(to, "recordings_overloaded", float64(n), strconv.Itoa(level+1))
	}
	t := c.server.host.Totals()
	c.counter(to, "overload_steps_total", float64(t.StepsDown), "down")
	c.counter(to, "overload_steps_total", float64(t.StepsUp), "up")
	c.counter(to, "overloaded_seconds_total", t.Overloaded.Seconds())
	c.counter(to, "held_frames_total", float64(t.HeldFrames))
}
