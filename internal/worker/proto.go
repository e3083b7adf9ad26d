package worker

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/fault"
)

// protocol is the version of what a server and its workers say to each other. They
// are of one binary; that they are is checked all the same.
const protocol = 1

// Settings are what every worker of a server is told. They go over its standard
// input, as they may hold secrets.
type Settings struct {
	Spool, Storage string // directory; location
	ResourceID     string
	SpoolReserve   int64
	Fonts          []string
	Limits         callreel.Limits
	Media          Media
	// Memory is how many bytes a worker may hold. Zero means no limit.
	Memory int64
	// NoSandbox leaves workers all that this user may do.
	NoSandbox bool
}

// Media is how publishers connect to a worker: see whip.Config.
type Media struct {
	UDPPortMin, UDPPortMax uint16
	PublicIPs              []string
	DisableIPv6, Loopback  bool
	ICEServers             []whip.ICEServer
}

// MediaOf takes what can be told out of a configuration. Its sockets are for the
// pool.
func MediaOf(c whip.Config) Media {
	return Media{
		UDPPortMin: c.UDPPortMin, UDPPortMax: c.UDPPortMax, PublicIPs: c.PublicIPs,
		DisableIPv6: c.DisableIPv6, Loopback: c.Loopback, ICEServers: c.ICEServers,
	}
}

func (m Media) config() whip.Config {
	return whip.Config{
		UDPPortMin: m.UDPPortMin, UDPPortMax: m.UDPPortMax, PublicIPs: m.PublicIPs,
		DisableIPv6: m.DisableIPv6, Loopback: m.Loopback, ICEServers: m.ICEServers,
	}
}

// order is what one worker is told when it begins.
type order struct {
	Protocol     int
	Build        string
	Conversation string
	Settings     Settings
	LogLevel     slog.Level
	Processors   int // that it uses at most
	// UDP and TCP are the addresses of the sockets that the server shares, if any.
	UDP, TCP string
}

// status is what a worker is like.
type status struct {
	Call       call
	Known      bool // there is a call
	Sessions   []whip.SessionInfo
	Recordings []recordingStatus
	Totals     callreel.Counters
	Deliveries callreel.DeliveryStats
	Told       uint64 // events so far
}

// idle reports whether nothing is left to do.
func (s *status) idle() bool {
	return !s.Known && len(s.Sessions) == 0 && len(s.Recordings) == 0
}

// call is the conversation.
type call struct {
	callreel.ConversationInfo

	Recording string // ID
	State     callreel.State
}

type recordingStatus struct {
	Result   result
	Counters callreel.Counters
	Load     callreel.Load
}

// result is a Result with what its documents leave out, but for the report.
type result struct {
	Document callreel.Result `json:"document"` // not embedded: its form in JSON is its own
	State    callreel.State  `json:"state"`
	Err      *problem        `json:"error,omitempty"`
}

func wireResult(r callreel.Result) result { return result{r, r.State, newProblem(r.Err)} }

func (r *result) result() callreel.Result {
	res := r.Document
	res.State, res.Err = r.State, r.Err.err()
	return res
}

// event is an Event that can be sent.
type event struct {
	callreel.Event

	Result *result  `json:",omitempty"`
	Err    *problem `json:",omitempty"`
}

func wireEvent(e callreel.Event) event {
	w := event{Event: e, Err: newProblem(e.Err)}
	if e.Result != nil {
		res := wireResult(*e.Result)
		w.Result = &res
	}
	return w
}

func (w *event) event() callreel.Event {
	e := w.Event
	e.Err = w.Err.err()
	if w.Result != nil {
		res := w.Result.result()
		e.Result = &res
	}
	return e
}

// problem is an error that can be sent.
type problem struct {
	Text  string               `json:"text"`
	Kind  fault.Kind           `json:"kind"`
	Is    int                  `json:"is,omitempty"` // number in sentinels, from 1
	State *callreel.StateError `json:"state,omitempty"`
}

// sentinels are the errors that are told apart on the other side.
func sentinels() []error {
	return []error{callreel.ErrBusy, callreel.ErrFull, callreel.ErrSpool, callreel.ErrClosed, callreel.ErrInvalid, errNoRecording, errOver}
}

var (
	// errNoRecording: the worker has no such recording.
	errNoRecording = errors.New("there is no such recording")
	// errOver: the recording can't go on.
	errOver = errors.New("the recording does not go on")
)

func newProblem(err error) *problem {
	if err == nil {
		return nil
	}
	p := &problem{Text: err.Error(), Kind: fault.Of(err)}
	p.State, _ = errors.AsType[*callreel.StateError](err)
	for i, known := range sentinels() {
		if errors.Is(err, known) {
			p.Is = i + 1
			break
		}
	}
	return p
}

// err returns the error; nil of nil.
func (p *problem) err() error {
	switch known := sentinels(); {
	case p == nil:
		return nil
	case p.State != nil:
		return p.State
	case p.Is > 0 && p.Is <= len(known):
		return p.Kind.Wrap(&told{p.Text, known[p.Is-1]})
	}
	return p.Kind.Wrap(errors.New(p.Text))
}

// told is an error of another process.
type told struct {
	text string
	is   error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.is }

// check makes sure that the other side is of the same binary.
func (o *order) check(build string) error {
	if o.Protocol != protocol || o.Build != build {
		return fmt.Errorf("worker: the server speaks version %d (%s), this worker %d (%s)", o.Protocol, o.Build, protocol, build)
	}
	return nil
}
