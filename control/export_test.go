package control

import (
	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest/whip"
)

// DescribeAPI is the description of the API that a server hands out.
func DescribeAPI() ([]byte, error) { return describeAPI(routes(), "test", "http://127.0.0.1:8080") }

// Route is a row of the routing table.
type Route struct {
	Method, Path, Document string // Path as in the table, and as in the description
	Verb                   string
}

// Routes is the routing table.
func Routes() (out []Route) {
	for _, e := range routes() {
		out = append(out, Route{e.method, e.path, documentPath(e.path), e.verb.String()})
	}
	return out
}

// SetCores makes a server believe that it may use so many processors.
func (s *Server) SetCores(n float64) { s.cores = func() float64 { return n } }

// HoldStarts does as if a start took its time, until it is let go.
func (s *Server) HoldStarts() (release func()) {
	s.starting <- struct{}{}
	return func() { <-s.starting }
}

// NewLocal is the host of a server that has none.
func NewLocal(engine *callreel.Engine) Host { return newLocal(engine, whip.Config{}) }
