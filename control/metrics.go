package control

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what /metrics tells: a registry of the server's own, so that two in
// one process don't meet.
type metrics struct {
	handler  http.Handler
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// newMetrics makes the registry. Collectors of what else the server does are
// added here.
func (s *Server) newMetrics() (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callreel_http_requests_total", Help: "Requests by what they ask for and the status of the answer.",
		}, []string{"verb", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "callreel_http_request_duration_seconds", Help: "Time until the answer was out, by what a request asks for.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60},
		}, []string{"verb"}),
	}
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		m.requests, m.duration,
		engineCollector{s, describeEngine()},
		loadCollector{s, describeLoad()},
		mediaCollector{s.host, describeMedia()},
		workerCollector{s.host, describeWorkers()},
		callCollector{s, describeCalls()},
		queueCollector{s, describeQueues()},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, Registry: registry})
	return m, nil
}

// observe counts a request.
func (m *metrics) observe(what string, status int, took time.Duration) {
	m.requests.WithLabelValues(what, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(what).Observe(took.Seconds())
}

func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	s.metrics.handler.ServeHTTP(w, r)
	return nil
}

type subjectKey struct{}

// withSubject lets a request be told of by what it asks for, once that is known.
func withSubject(r *http.Request) (*http.Request, *string) {
	what := new(string)
	*what = "unknown"
	return r.WithContext(context.WithValue(r.Context(), subjectKey{}, what)), what
}

// isAbout notes what a request asks for.
func isAbout(r *http.Request, what string) {
	if p, ok := r.Context().Value(subjectKey{}).(*string); ok {
		*p = what
	}
}
