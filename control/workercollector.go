package control

import "github.com/prometheus/client_golang/prometheus"

// workerCollector tells of the processes that hold the calls.
type workerCollector struct {
	host Host
	descs
}

func describeWorkers() descs {
	d := descs{}
	d.add("workers", "Processes that hold calls.")
	d.add("worker_crashes_total", "Processes with a call that ended unasked.")
	d.add("worker_cpu_seconds_total", "CPU time of the processes that hold calls.")
	d.add("worker_memory_bytes", "Memory of the processes that hold calls: of all, and of the largest.", "of")
	return d
}

// Collect asks the host.
func (c workerCollector) Collect(to chan<- prometheus.Metric) {
	u := c.host.Usage()
	c.gauge(to, "workers", float64(u.Workers))
	c.counter(to, "worker_crashes_total", float64(u.Crashes))
	c.counter(to, "worker_cpu_seconds_total", u.WorkerCPU.Seconds())
	c.gauge(to, "worker_memory_bytes", float64(u.Memory), "all")
	c.gauge(to, "worker_memory_bytes", float64(u.Largest), "largest")
}
