package simulate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

const connectTimeout = 20 * time.Second

// session is one stay of a participant in the call.
type session struct {
	who        *Participant
	clock      clock
	pc         *webrtc.PeerConnection
	signalling *signalling
	camera     *camera     // nil without video
	microphone *microphone // nil without sound
	readers    sync.WaitGroup

	connected chan struct{} // closed once media can flow
	lost      chan struct{} // closed once it can't any more
}

// newSession prepares a session without telling anybody. It is to be closed.
func newSession(p *Participant) (_ *session, err error) {
	s := &session{
		who: p, clock: newClock(p.cfg.Epoch),
		connected: make(chan struct{}), lost: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.Background()))
		}
	}()
	if s.signalling, err = newSignalling(p.cfg); err != nil {
		return nil, err
	}
	if s.pc, err = newPeerConnection(p.cfg); err != nil {
		return nil, err
	}
	s.watch()
	if p.cfg.Audio != "" {
		if s.microphone, err = newMicrophone(p); err != nil {
			return nil, err
		}
		if err = s.addTrack(s.microphone.out); err != nil {
			return nil, err
		}
	}
	if p.cfg.Video != "" {
		if s.camera, err = newCamera(p); err != nil {
			return nil, err
		}
		if err = s.addTrack(s.camera.outs()...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *session) watch() {
	var up, down sync.Once
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			up.Do(func() { close(s.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			down.Do(func() { close(s.lost) })
		}
	})
}

// addTrack adds a track with its layers and reads the feedback about each.
func (s *session) addTrack(layers ...*outbound) error {
	t, err := s.pc.AddTransceiverFromTrack(layers[0].track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("simulate: add track: %w", err)
	}
	for _, o := range layers[1:] {
		if err := t.Sender().AddEncoding(o.track); err != nil {
			return fmt.Errorf("simulate: add layer %s: %w", o.track.RID(), err)
		}
	}
	for _, o := range layers {
		o.bind(t.Sender())
	}
	for _, o := range layers {
		s.readers.Go(func() { s.readFeedback(o) })
	}
	return nil
}

// readFeedback obeys requests for key frames until the connection closes.
// Reading is also what drives retransmissions.
func (s *session) readFeedback(o *outbound) {
	for {
		packets, _, err := o.sender.ReadSimulcastRTCP(o.track.RID())
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.PictureLossIndication:
				s.requestKeyFrame(p.MediaSSRC)
			case *rtcp.FullIntraRequest:
				for _, e := range p.FIR {
					s.requestKeyFrame(e.SSRC)
				}
			case *rtcp.TransportLayerNack:
				for _, n := range p.Nacks {
					s.who.count.nacks.Add(uint64(len(n.PacketList())))
				}
			}
		}
	}
}

func (s *session) requestKeyFrame(ssrc uint32) {
	if s.camera != nil && s.camera.requestKeyFrame(ssrc) {
		s.who.count.keyFrameRequests.Add(1)
	}
}

// join negotiates and returns when media can flow.
func (s *session) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("%w: not connected after %v", ErrLost, connectTimeout))
	defer cancel()
	offer, err := s.offer(ctx)
	if err != nil {
		return err
	}
	answer, err := s.signalling.post(ctx, offer)
	if err != nil {
		return err
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("simulate: answer: %w", err)
	}
	for _, t := range s.pc.GetTransceivers() {
		for _, o := range s.outs() {
			if o.sender == t.Sender() {
				o.negotiated(t.Mid())
			}
		}
	}
	select {
	case <-s.connected:
		return nil
	case <-s.lost:
		return ErrLost
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// offer returns an offer with all candidates.
func (s *session) offer(ctx context.Context) (string, error) {
	gathered := webrtc.GatheringCompletePromise(s.pc)
	offer, err := s.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("simulate: create offer: %w", err)
	}
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("simulate: use offer: %w", err)
	}
	select {
	case <-gathered:
		return s.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// outs returns all streams.
func (s *session) outs() []*outbound {
	var outs []*outbound
	if s.microphone != nil {
		outs = append(outs, s.microphone.out)
	}
	if s.camera != nil {
		outs = append(outs, s.camera.outs()...)
	}
	return outs
}

// send sends all tracks until ctx ends, the connection is lost or one fails.
func (s *session) send(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var tracks sync.WaitGroup
	start := func(send func(context.Context) error) {
		tracks.Go(func() {
			if err := send(ctx); err != nil {
				cancel(err)
			}
		})
	}
	if s.microphone != nil {
		start(func(ctx context.Context) error { return s.microphone.run(ctx, s.clock) })
	}
	if s.camera != nil {
		start(func(ctx context.Context) error { return s.camera.run(ctx, s.clock) })
	}
	start(s.report)
	select {
	case <-s.lost:
		cancel(ErrLost)
	case <-ctx.Done():
	}
	tracks.Wait()
	return context.Cause(ctx)
}

// close leaves the call and frees everything. It waits for all goroutines.
func (s *session) close(ctx context.Context) error {
	var errs []error
	if s.signalling != nil {
		errs = append(errs, s.signalling.delete(ctx))
	}
	if s.pc != nil {
		if err := s.pc.GracefulClose(); err != nil {
			errs = append(errs, fmt.Errorf("simulate: close connection: %w", err))
		}
	}
	s.readers.Wait()
	if s.microphone != nil {
		s.microphone.close()
	}
	if s.camera != nil {
		s.camera.close()
	}
	return errors.Join(errs...)
}
