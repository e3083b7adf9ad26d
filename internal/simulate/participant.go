package simulate

import (
	"context"
	"errors"
	"sync/atomic"
)

// Errors of [Participant.Run].
var (
	ErrRunning = errors.New("simulate: participant is in the call already")
	ErrLost    = errors.New("simulate: connection lost or closed by the server")
)

// Participant is one simulated participant. Its methods are safe for concurrent use.
type Participant struct {
	cfg     Config
	running atomic.Bool
	muted   struct{ audio, video atomic.Bool }
	count   counters
}

// counters of all that a participant ever did.
type counters struct {
	connected                       atomic.Bool
	joins, packets, bytes           atomic.Uint64
	frames, keyFrames, skipped      atomic.Uint64
	sounds, keyFrameRequests, nacks atomic.Uint64
}

// Stats is what a participant did since it was made.
type Stats struct {
	// Connected says whether it is in the call now.
	Connected bool
	// Joins counts the times that media could flow.
	Joins uint64
	// Frames counts the coded pictures sent, of all layers.
	Frames uint64
	// KeyFrames counts those of Frames that need no other.
	KeyFrames uint64
	// KeyFrameRequests counts the PLI and FIR received (RFC 4585, RFC 5104).
	KeyFrameRequests uint64
	// FramesSkipped counts the instants for which there was no time to draw. It
	// grows when the machine is overloaded.
	FramesSkipped uint64
	// AudioPackets counts the packets of sound sent.
	AudioPackets uint64
	// Packets and Bytes count the RTP packets sent and their payloads, without
	// retransmissions.
	Packets, Bytes uint64
	// Nacked counts the packets that the server asked for again (RFC 4585).
	Nacked uint64
}

// New checks cfg. Nothing happens before Run.
func New(cfg Config) (*Participant, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Participant{cfg: cfg}, nil
}

// Config returns the configuration with its defaults filled in.
func (p *Participant) Config() Config { return p.cfg }

// Run joins the call, sends until ctx ends, and leaves. The end of ctx is not an
// error. It fails with a [StatusError] if the server refuses the participant,
// with ErrLost when the connection ends otherwise, and with ErrRunning if it is
// running. It may be called again after it returned: that is another session of
// the same participant.
func (p *Participant) Run(ctx context.Context) (err error) {
	if !p.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer p.running.Store(false)
	s, err := newSession(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	err = s.join(ctx)
	if err == nil {
		p.count.joins.Add(1)
		p.count.connected.Store(true)
		err = s.send(ctx)
		p.count.connected.Store(false)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Mute says which tracks are muted from now on, in the way of [Config.MuteMode].
func (p *Participant) Mute(audio, video bool) {
	p.muted.audio.Store(audio)
	p.muted.video.Store(video)
}

// Stats returns the counters.
func (p *Participant) Stats() Stats {
	c := &p.count
	return Stats{
		Connected:        c.connected.Load(),
		Joins:            c.joins.Load(),
		Frames:           c.frames.Load(),
		KeyFrames:        c.keyFrames.Load(),
		KeyFrameRequests: c.keyFrameRequests.Load(),
		FramesSkipped:    c.skipped.Load(),
		AudioPackets:     c.sounds.Load(),
		Packets:          c.packets.Load(),
		Bytes:            c.bytes.Load(),
		Nacked:           c.nacks.Load(),
	}
}
