package control

import (
	"math"
	"net/http"
	"time"

	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/token"
)

const (
	// headroom is the part of the machine that is not planned with: calls grow,
	// and recordings must never be late.
	headroom = 0.2
	// minMeasured is how much must be recorded before its cost says anything.
	minMeasured = 10 * time.Second
	// maxBesides bounds what is taken to be needed besides recordings.
	maxBesides = 3
)

// capacity is what a server can still do.
type capacity struct {
	Running int `json:"running"`           // recordings
	Maximum int `json:"maximum,omitempty"` // of them; absent: no bound
	// Cores is how many processors the server may use, CoresUsed how many all
	// recordings take together, and CoresPerRecording one, with all that the
	// server does for it. They are measured: absent until something is recorded.
	Cores             float64 `json:"cores"`
	CoresUsed         float64 `json:"coresUsed,omitempty"`
	CoresPerRecording float64 `json:"coresPerRecording,omitempty"`
	// Available is an estimate of how many recordings more there is room for;
	// absent if there is no bound and nothing was measured.
	Available *int `json:"available,omitempty"`
}

// load is what recordings cost.
type load struct{ mean, most, sum float64 } // cores, by those that run

// loadOf measures recordings. Those that have just begun are not counted.
func loadOf(recordings []Recording) (l load, measured int) {
	for _, r := range recordings {
		c := r.Counters()
		if c.Recorded < minMeasured {
			continue
		}
		cores := c.CPU.Seconds() / c.Recorded.Seconds()
		l.sum += cores
		l.most = max(l.most, cores)
		measured++
	}
	if measured > 0 {
		l.mean = l.sum / float64(measured)
	}
	return l, measured
}

// measure finds out what there is room for.
func (s *Server) measure() capacity {
	recordings, totals := s.host.Recordings(), s.host.Totals()
	c := capacity{Running: len(recordings), Maximum: s.cfg.Engine.MaxRecordings(), Cores: cpu.Cores()}
	l, measured := loadOf(recordings)
	if measured == 0 && totals.Recorded >= minMeasured { // by those that ran
		l.mean = totals.CPU.Seconds() / totals.Recorded.Seconds()
	}
	if totals.CPU > 0 { // receiving, deciphering and delivering are not the recordings' own
		l.mean *= min(max(s.host.Usage().CPU.Seconds()/totals.CPU.Seconds(), 1), maxBesides)
	}
	c.CoresPerRecording = hundredths(l.mean)
	c.CoresUsed = hundredths(l.mean * float64(c.Running))
	c.Available = c.room(l.mean)
	return c
}

// room estimates how many recordings more can run, if each takes so many cores.
func (c capacity) room(each float64) *int {
	more := math.MaxInt
	if each > 0 {
		more = int((c.Cores*(1-headroom) - each*float64(c.Running)) / each)
	}
	if c.Maximum > 0 {
		more = min(more, c.Maximum-c.Running)
	}
	if more == math.MaxInt {
		return nil
	}
	more = max(more, 0)
	return &more
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
