package control

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/token"
)

// stopWait is how long the answer to a stop waits for the files to be in the
// store. Usually that is a second or two; a store that is slow or away must not
// keep the client, and the recording ends just the same.
const stopWait = 10 * time.Second

// repeatabilityHeader names a request, so that it can be repeated.
const repeatabilityHeader = "Repeatability-Request-Id"

// origin is what is known of who started a recording.
type origin struct {
	recording *callreel.Recording
	arguments
	repeatability string // the client's name for the request (Repeatability-Request-ID), or empty
}

// operate does what a request asks of a recording.
func (s *Server) operate(w http.ResponseWriter, r *http.Request, c call) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	args, err := c.dialect.arguments(c.verb, body)
	if err != nil {
		return err
	}
	if c.verb == start && c.conversation == "" {
		if c.conversation = args.conversation; c.conversation == "" {
			return invalid("callLocator", "it is missing")
		}
	}
	done, err := s.perform(r, c, args)
	if err != nil {
		return err
	}
	if c.verb != state {
		s.log.InfoContext(r.Context(), "operation", "path", c.path, "conversation", c.conversation,
			"recording", done.recording, "context", args.operationContext)
	}
	if c.verb == start && r.Header.Get(repeatabilityHeader) != "" {
		w.Header().Set("Repeatability-Result", "accepted")
	}
	status, answer := c.dialect.answer(c.verb, done)
	reply(w, status, answer)
	return nil
}

func (s *Server) perform(r *http.Request, c call, args arguments) (outcome, error) {
	if c.verb == start {
		if !c.sees(c.conversation) {
			return outcome{}, token.ErrConversation
		}
		return s.start(r.Context(), c.conversation, origin{
			arguments: args, repeatability: r.Header.Get(repeatabilityHeader),
		})
	}
	rec, ok := s.cfg.Engine.Recording(c.recording)
	if !ok || !c.isOf(rec.Conversation().ID()) {
		return outcome{}, notFound("there is no such recording here, or it has ended")
	}
	if c.verb == stop {
		stopRecording(r.Context(), rec)
		return outcome{recording: rec.ID()}, nil
	}
	now, err := stateOf(rec)
	if err != nil {
		return outcome{}, err
	}
	switch c.verb {
	case pause:
		err = rec.Pause(r.Context())
	case resume:
		err = rec.Resume(r.Context())
	}
	return outcome{recording: rec.ID(), state: now}, err
}

// start begins a recording. A request that is repeated because its answer was
// lost gets the same answer.
func (s *Server) start(ctx context.Context, conversation string, from origin) (outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetEnded()
	for _, o := range s.origins {
		if from.repeatability != "" && o.repeatability == from.repeatability && o.recording.Conversation().ID() == conversation {
			return begun(o.recording), nil
		}
	}
	cfg := s.cfg.Recording
	cfg.Conversation, cfg.ID, cfg.Delay = conversation, "", cmp.Or(from.delay, cfg.Delay)
	cfg.PauseOnStart = cfg.PauseOnStart || from.pauseOnStart
	rec, err := s.cfg.Engine.Start(ctx, cfg)
	if err != nil {
		return outcome{}, err
	}
	from.recording = rec
	s.origins[rec.ID()] = from
	return begun(rec), nil
}

// begun is the outcome of a start.
func begun(rec *callreel.Recording) outcome {
	now, _ := stateOf(rec) // none if it is over already
	return outcome{recording: rec.ID(), state: now}
}

// forgetEnded drops the origins of recordings that have ended; s.mu is held.
func (s *Server) forgetEnded() {
	for id, o := range s.origins {
		if o.recording.State().Ended() {
			delete(s.origins, id)
		}
	}
}

// stopRecording stops a recording. How it ended is for the recording's details
// and the log to tell: that it ended is what was asked for.
func stopRecording(ctx context.Context, rec *callreel.Recording) {
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	_, _ = rec.Stop(ctx)
}

// stateOf returns the state of a recording; one that is being stopped has none
// any more.
func stateOf(rec *callreel.Recording) (recordingState, error) {
	switch rec.State() {
	case callreel.Starting, callreel.Active:
		return stateActive, nil
	case callreel.Paused:
		return stateInactive, nil
	}
	return "", notFound("the recording has ended")
}
