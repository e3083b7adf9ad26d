package control

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/callreel/callreel"
)

// descs are the descriptions of a collector's metrics, by their names without
// the prefix that all have.
type descs map[string]*prometheus.Desc

func (d descs) add(name, help string, labels ...string) {
	d[name] = prometheus.NewDesc("callreel_"+name, help, labels, nil)
}

// Describe tells the descriptions.
func (d descs) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range d {
		to <- desc
	}
}

func (d descs) counter(to chan<- prometheus.Metric, name string, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d[name], prometheus.CounterValue, value, labels...)
}

func (d descs) gauge(to chan<- prometheus.Metric, name string, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d[name], prometheus.GaugeValue, value, labels...)
}

// engineCollector tells of recordings and what they cost.
type engineCollector struct {
	server *Server
	descs
}

func describeEngine() descs {
	d := descs{}
	d.add("recordings", "Recordings that have not ended, by state.", "state")
	d.add("recordings_started_total", "Recordings that began.")
	d.add("recordings_refused_total", "Starts of recordings for which there was no room.")
	d.add("recordings_ended_total", "Recordings that ended, by why.", "reason")
	d.add("recorded_seconds_total", "Length of what was recorded.")
	d.add("frames_total", "Frames that were composed and encoded.")
	d.add("repeated_frames_total", "Frames in which nothing had changed.")
	d.add("late_ticks_total", "Frames that were composed more than a frame's duration late.")
	d.add("unwritten_seconds_total", "Length of what is in no file because it could not be written.")
	d.add("tick_lateness_seconds", "How late frames were composed.")
	d.add("recording_cpu_seconds_total", "CPU time of decoding, composing, mixing and encoding.")
	d.add("spool_bytes", "Size of the files in the spool.")
	d.add("spool_free_bytes", "Space left for the spool.")
	return d
}

// Collect asks the engine.
func (c engineCollector) Collect(to chan<- prometheus.Metric) {
	host, states := c.server.host, make(map[callreel.State]int)
	for _, r := range host.Recordings() {
		states[r.Result().State]++
	}
	for _, s := range []callreel.State{callreel.Starting, callreel.Active, callreel.Paused, callreel.Stopping} {
		c.gauge(to, "recordings", float64(states[s]), s.String())
	}
	t := host.Totals()
	c.counter(to, "recordings_started_total", float64(t.Started))
	c.counter(to, "recordings_refused_total", float64(t.Refused+c.server.refused.Load()))
	for _, why := range []callreel.EndReason{callreel.EndStopped, callreel.EndCallEnded, callreel.EndShutdown, callreel.EndError, callreel.EndInterrupted} {
		c.counter(to, "recordings_ended_total", float64(t.Ended[why]), string(why))
	}
	c.counter(to, "recorded_seconds_total", t.Recorded.Seconds())
	c.counter(to, "frames_total", float64(t.Frames))
	c.counter(to, "repeated_frames_total", float64(t.RepeatedFrames))
	c.counter(to, "late_ticks_total", float64(t.LateTicks))
	c.counter(to, "unwritten_seconds_total", t.Unwritten.Seconds())
	to <- lateness(c.descs["tick_lateness_seconds"], t.Counters)
	c.counter(to, "recording_cpu_seconds_total", t.CPU.Seconds())
	if held, free, err := c.server.cfg.Engine.SpoolSize(); err != nil {
		to <- prometheus.NewInvalidMetric(c.descs["spool_bytes"], err)
	} else {
		c.gauge(to, "spool_bytes", float64(held))
		c.gauge(to, "spool_free_bytes", float64(free))
	}
}

// lateness is a histogram of how late frames were.
func lateness(desc *prometheus.Desc, t callreel.Counters) prometheus.Metric {
	buckets := make(map[float64]uint64)
	var all uint64
	for i, n := range t.Lateness {
		all += uint64(n)
		if i < len(t.Lateness)-1 {
			buckets[math.Ldexp(0.001, i)] = all
		}
	}
	return prometheus.MustNewConstHistogram(desc, all, t.TotalLateness.Seconds(), buckets)
}

// mediaCollector tells what was received of tracks.
type mediaCollector struct {
	host Host
	descs
}

func describeMedia() descs {
	d := descs{}
	d.add("packets_received_total", "RTP packets of recorded tracks.")
	d.add("packets_lost_total", "RTP packets that were waited for and given up.")
	d.add("packets_recovered_total", "Lost RTP packets that were brought back, by what.", "by")
	d.add("packets_overflowed_total", "RTP packets of sound that were given up because the recorder was too far behind.")
	d.add("packets_late_total", "RTP packets that came after they had been given up.")
	d.add("rtp_malformed_total", "Payloads that break their format.")
	d.add("rtp_excess_total", "RTP packets that were left out because a participant sent too much.")
	d.add("pictures_oversize_total", "Pictures that had too many pixels to be decoded.")
	d.add("decode_withheld_total", "Packets and pictures that were not decoded because decoding a participant's cost too much.")
	d.add("decode_errors_total", "Packets and pictures that could not be decoded.")
	d.add("concealed_seconds_total", "Sound that was made up, or is silent, for lost packets.")
	return d
}

// Collect asks the engine.
func (c mediaCollector) Collect(to chan<- prometheus.Metric) {
	t := c.host.Totals()
	c.counter(to, "packets_received_total", float64(t.Packets))
	c.counter(to, "packets_lost_total", float64(t.Lost))
	c.counter(to, "packets_recovered_total", float64(t.Recovered), "redundancy")
	c.counter(to, "packets_recovered_total", float64(t.Repaired), "retransmission")
	c.counter(to, "packets_overflowed_total", float64(t.Overflowed))
	c.counter(to, "packets_late_total", float64(t.Late))
	c.counter(to, "rtp_malformed_total", float64(t.Malformed))
	c.counter(to, "rtp_excess_total", float64(t.Excess))
	c.counter(to, "pictures_oversize_total", float64(t.Oversize))
	c.counter(to, "decode_withheld_total", float64(t.Withheld))
	c.counter(to, "decode_errors_total", float64(t.DecodeErrors))
	c.counter(to, "concealed_seconds_total", t.Concealed.Seconds())
}

// queue is what waits to be done.
type queue struct {
	length int
	bytes  int64         // zero if there is no size
	oldest time.Duration // how long the oldest of it has waited
}

// queues are those of the server.
func (s *Server) queues() map[string]queue {
	uploads, events := s.host.Deliveries(), s.events.Stats()
	age := time.Duration(0)
	if !events.Oldest.IsZero() {
		age = max(0, time.Since(events.Oldest))
	}
	return map[string]queue{
		"uploads": {uploads.Files, uploads.Bytes, uploads.Oldest},
		"events":  {length: events.Pending, oldest: age},
		"notes":   {length: s.feed.depth()},
	}
}

// queueCollector tells of what waits to be done, and of the events that don't any more.
type queueCollector struct {
	server *Server
	descs
}

func describeQueues() descs {
	d := descs{}
	d.add("queue_length", "What waits to be done, by queue.", "queue")
	d.add("queue_bytes", "Size of what waits, by queue.", "queue")
	d.add("queue_oldest_seconds", "How long the oldest of what waits has done so, by queue.", "queue")
	d.add("subscriptions", "Subscriptions to events.")
	d.add("event_attempts_total", "Attempts to deliver an event to an endpoint.")
	d.add("events_delivered_total", "Deliveries that an endpoint has taken.")
	d.add("events_dead_lettered_total", "Deliveries that were given up.")
	return d
}

// Collect asks the queues.
func (c queueCollector) Collect(to chan<- prometheus.Metric) {
	for name, q := range c.server.queues() {
		c.gauge(to, "queue_length", float64(q.length), name)
		c.gauge(to, "queue_bytes", float64(q.bytes), name)
		c.gauge(to, "queue_oldest_seconds", q.oldest.Seconds(), name)
	}
	st := c.server.events.Stats()
	c.gauge(to, "subscriptions", float64(st.Subscriptions))
	c.counter(to, "event_attempts_total", float64(st.Attempts))
	c.counter(to, "events_delivered_total", float64(st.Delivered))
	c.counter(to, "events_dead_lettered_total", float64(st.DeadLettered))
}
