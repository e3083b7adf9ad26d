package whip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

const (
	gatherTimeout  = 5 * time.Second // of host candidates, which takes milliseconds
	requestBacklog = 64              // requests to the publisher that may wait to be sent
)

// State is that of a session.
type State string

// The states of a session.
const (
	StateNew          State = "new"          // negotiated or negotiating, not connected yet
	StateConnected    State = "connected"    // media can flow
	StateDisconnected State = "disconnected" // silent; ends unless it comes back
	StateEnded        State = "ended"
)

// SessionInfo describes a session at one moment.
type SessionInfo struct {
	ID           string
	Conversation string
	Participant  ingest.Participant
	Role         ingest.Role
	State        State
	// Since is when the session was posted.
	Since time.Time
	// Sections is how many audio and video sections were negotiated, and Tracks
	// how many tracks or simulcast layers have arrived: a connected session
	// whose Tracks stay below its Sections is mute, or broken.
	Sections, Tracks int
	// Dropped counts packets that were not of a negotiated codec or malformed.
	Dropped uint64
}

// publisherKey is what there is one session of.
type publisherKey struct {
	conversation, participant string
	role                      ingest.Role
}

// session is one peer connection. Its run method owns it.
type session struct {
	server       *Server
	id           string
	conversation string
	grant        Grant
	sink         ingest.Sink
	since        time.Time
	serial       uint64 // the order of registration
	pc           *webrtc.PeerConnection
	sources      *sources
	feedback     *feedback

	ctx      context.Context
	end      context.CancelCauseFunc
	done     chan struct{}    // closed when run returns
	changed  chan struct{}    // the connection state may have changed
	requests chan rtcp.Packet // to the publisher
	leave    func()           // the conversation; nil until joined; run's
	state    atomic.Value     // State
	dropped  atomic.Uint64    // packets

	mu       sync.Mutex            // guards the rest of this group
	ended    bool                  // no more tracks
	tracks   sync.WaitGroup        // Go only with mu held and not ended
	arrived  []*webrtc.TrackRemote // each once
	sections int                   // negotiated

	negotiate chan struct{} // holds one value while SDP is exchanged, which guards the rest
	offer     *offer        // the current one
	etag      string        // of the ICE session
	trickled  int           // candidates of this ICE session
}

// newSession makes and registers a session, which runs from then on.
func (s *Server) newSession(conversation string, g Grant, sink ingest.Sink) (*session, error) {
	x := &session{
		server: s, id: rand.Text(), conversation: conversation, grant: g, sink: sink, since: time.Now(),
		done: make(chan struct{}), changed: make(chan struct{}, 1),
		requests: make(chan rtcp.Packet, requestBacklog), negotiate: make(chan struct{}, 1),
	}
	x.state.Store(StateNew)
	x.ctx, x.end = context.WithCancelCause(s.ctx)
	x.sources, x.feedback = &sources{tooMany: func() { x.end(ErrTooMuch) }}, newFeedback(s.arrivals)
	api, err := s.newAPI(x)
	if err != nil {
		x.end(err)
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		x.end(err)
		return nil, fmt.Errorf("whip: new peer connection: %w", err)
	}
	x.pc = pc
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { x.wake() })
	pc.OnICEConnectionStateChange(func(webrtc.ICEConnectionState) { x.wake() })
	pc.OnTrack(x.onTrack)
	if err := s.register(x); err != nil {
		x.end(err)
		return nil, errors.Join(err, pc.GracefulClose())
	}
	return x, nil
}

func (x *session) publisher() publisherKey {
	return publisherKey{x.conversation, x.grant.Participant.ID, x.grant.Role}
}

func (x *session) isConnected() bool {
	s := x.state.Load()
	return s == StateConnected || s == StateDisconnected
}

func (x *session) info() SessionInfo {
	x.mu.Lock()
	defer x.mu.Unlock()
	return SessionInfo{
		ID: x.id, Conversation: x.conversation, Participant: x.grant.Participant, Role: x.grant.Role,
		State: x.state.Load().(State), Since: x.since,
		Sections: x.sections, Tracks: len(x.arrived), Dropped: x.dropped.Load(),
	}
}

func (x *session) wake() {
	select {
	case x.changed <- struct{}{}:
	default:
	}
}

// run follows the connection until the session ends, and then takes it apart.
func (x *session) run() {
	defer close(x.done)
	for x.ctx.Err() == nil {
		select {
		case <-x.ctx.Done():
		case <-x.changed:
			x.follow()
		case p := <-x.requests:
			x.send(p)
		}
	}
	x.takeApart()
}

// follow acts on the state of the connection. That a disconnected one fails
// after the grace period is the business of the ICE agent.
func (x *session) follow() {
	switch x.pc.ConnectionState() {
	case webrtc.PeerConnectionStateConnected:
		x.connected()
	case webrtc.PeerConnectionStateDisconnected:
		x.state.CompareAndSwap(StateConnected, StateDisconnected)
	case webrtc.PeerConnectionStateFailed:
		x.end(ErrLost)
	case webrtc.PeerConnectionStateClosed:
		x.end(ErrHungUp)
	}
}

func (x *session) connected() {
	if x.leave != nil {
		x.state.CompareAndSwap(StateDisconnected, StateConnected)
		return
	}
	leave, err := x.sink.Join(x.grant.Participant)
	if err != nil {
		x.end(fmt.Errorf("whip: join: %w", err))
		return
	}
	x.leave = leave
	x.state.Store(StateConnected)
	x.server.takeOver(x)
	x.server.log.Debug("publisher connected", "conversation", x.conversation, "session", x.id)
	if x.server.cfg.Hooks.Connected != nil {
		x.server.cfg.Hooks.Connected(x.info())
	}
}

// ask queues a request to the publisher. A lost one is repeated by who made it.
func (x *session) ask(p rtcp.Packet) {
	select {
	case x.requests <- p:
	default: // enough are waiting
	}
}

func (x *session) send(p rtcp.Packet) {
	if err := x.pc.WriteRTCP([]rtcp.Packet{p}); err != nil {
		x.server.log.Debug("request not sent", "session", x.id, "error", err)
	}
}

func (x *session) takeApart() {
	x.mu.Lock()
	x.ended = true
	x.mu.Unlock()
	if err := x.pc.GracefulClose(); err != nil {
		x.server.log.Debug("close peer connection", "session", x.id, "error", err)
	}
	x.tracks.Wait()
	if x.leave != nil {
		x.leave()
	}
	x.state.Store(StateEnded)
	x.server.forget(x)
	reason := context.Cause(x.ctx)
	x.server.log.Debug("publisher gone", "conversation", x.conversation, "session", x.id, "reason", reason)
	if x.server.cfg.Hooks.Ended != nil {
		x.server.cfg.Hooks.Ended(x.info(), reason)
	}
}

// accept answers the first offer.
func (x *session) accept(ctx context.Context, o *offer) (answer, etag string, err error) {
	x.negotiate <- struct{}{}
	defer func() { <-x.negotiate }()
	local, err := x.exchange(ctx, o)
	if err != nil {
		return "", "", err
	}
	accepted := 0
	for _, m := range local.MediaDescriptions {
		if isActive(m) && isMedia(m) {
			accepted++
		}
	}
	if accepted == 0 {
		return "", "", unprocessable("none of the codecs that are offered is known")
	}
	x.mu.Lock()
	x.sections = accepted
	x.mu.Unlock()
	text, err := local.Marshal()
	return string(text), x.etag, err
}

// patch takes trickled candidates, for which answer is empty, or restarts ICE
// if the fragment has other credentials than the publisher had.
func (x *session) patch(ctx context.Context, match string, f fragment) (answer, etag string, err error) {
	select {
	case x.negotiate <- struct{}{}:
		defer func() { <-x.negotiate }()
	case <-ctx.Done():
		return "", "", context.Cause(ctx)
	}
	if match != "*" && match != x.etag {
		return "", "", &statusError{http.StatusPreconditionFailed, "PreconditionFailed", "the ETag is not that of the ICE session"}
	}
	if f.ufrag == "" || f.ufrag == x.offer.ufrag && f.pwd == x.offer.pwd {
		return "", x.etag, x.trickle(f.candidates)
	}
	o, err := x.offer.restart(f)
	if err != nil {
		return "", "", fmt.Errorf("whip: restart ICE: %w", err)
	}
	local, err := x.exchange(ctx, o)
	if err != nil {
		return "", "", err
	}
	return answerFragment(local), x.etag, nil
}

func (x *session) trickle(candidates []string) error {
	if x.trickled += len(candidates); x.trickled > maxCandidates {
		return malformed("more than %d candidates", maxCandidates)
	}
	for _, c := range candidates {
		err := x.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: strings.TrimSpace(c)})
		if err != nil {
			return malformed("candidate: %v", err)
		}
	}
	return nil
}

// exchange gives an offer to the peer connection and returns the answer with all
// candidates, which begins a new generation of ICE.
func (x *session) exchange(ctx context.Context, o *offer) (*sdp.SessionDescription, error) {
	gathered := make(chan struct{})
	var once sync.Once
	x.pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c == nil {
			once.Do(func() { close(gathered) })
		}
	})
	err := x.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.String()})
	if err != nil {
		return nil, unprocessable("the offer can't be negotiated: %v", err)
	}
	answer, err := x.pc.CreateAnswer(&webrtc.AnswerOptions{OfferAnswerOptions: webrtc.OfferAnswerOptions{ICETricklingSupported: true}})
	if err != nil {
		return nil, unprocessable("the offer can't be answered: %v", err)
	}
	if err := x.pc.SetLocalDescription(answer); err != nil {
		return nil, unprocessable("the answer can't be used: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered:
	case <-x.ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(x.ctx))
	case <-ctx.Done():
		return nil, fmt.Errorf("whip: gather candidates: %w", context.Cause(ctx))
	}
	x.offer, x.etag, x.trickled = o, `"`+rand.Text()+`"`, 0
	local := &sdp.SessionDescription{}
	err = local.UnmarshalString(x.pc.LocalDescription().SDP)
	if o.unbundled {
		local.Attributes = slices.DeleteFunc(local.Attributes, func(a sdp.Attribute) bool { return a.Key == sdp.AttrKeyGroup })
	}
	return local, err
}
