package control

import (
	"math"
	"net/http"
	"time"

	"github.com/callreel/callreel/internal/token"
)

// minMeasured is how much must be recorded before its cost says anything.
const minMeasured = 10 * time.Second

// What an estimate of the capacity is based on.
const (
	basisMeasured = "measured"
	basisAssumed  = "assumed"
	basisFixed    = "fixed"
)

// capacity is what a server can still do.
type capacity struct {
	Running int `json:"running"`           // recordings
	Maximum int `json:"maximum,omitempty"` // of them; absent: no fixed number
	// Cores is how many processors the server may use, CoresUsed how many all
	// recordings take together, and CoresPerRecording one, with all that the
	// server does for it. They are measured: absent until something is recorded.
	Cores             float64 `json:"cores"`
	CoresUsed         float64 `json:"coresUsed,omitempty"`
	CoresPerRecording float64 `json:"coresPerRecording,omitempty"`
	// Available is how many recordings more there is room for, and Basis what that
	// is based on: measured cost, cost that is assumed as long as nothing was
	// measured, or a fixed number.
	Available int    `json:"available"`
	Basis     string `json:"basis"`
	// Overloaded: a recording can't keep up. Nothing begins meanwhile.
	Overloaded bool `json:"overloaded"`
}

// measure finds out what there is room for.
func (s *Server) measure() capacity { return s.capacityFor(s.demand()) }

// capacityFor tells what there is room for beside a demand.
func (s *Server) capacityFor(d demand) capacity {
	e := d.estimate()
	c := capacity{
		Running: len(d.loads), Maximum: d.bound, Cores: d.cores,
		Available: e.room, Basis: basisAssumed, Overloaded: e.overloaded,
	}
	if e.measured {
		c.Basis, c.CoresPerRecording, c.CoresUsed = basisMeasured, hundredths(e.each), hundredths(e.used)
	}
	if s.cfg.Admission > 0 {
		c.Basis, c.Available = basisFixed, max(0, d.bound-c.Running)
	}
	return c
}

func hundredths(x float64) float64 { return math.Round(100*x) / 100 }

func (s *Server) showCapacity(w http.ResponseWriter, _ *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	reply(w, http.StatusOK, s.measure())
	return nil
}

// seesAll makes sure that the call's token is not limited to a conversation.
func (c call) seesAll() error {
	if c.claims.Conversation != "" {
		return token.ErrConversation
	}
	return nil
}
