package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/token"
)

// stopWait is how long the answer to a stop waits for the files to be in the
// store. Usually that is a second or two; a store that is slow or away must not
// keep the client, and the recording ends just the same.
const stopWait = 10 * time.Second

// repeatabilityHeader names a request, so that it can be repeated.
const repeatabilityHeader = "Repeatability-Request-Id"

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
		return s.start(r.Context(), c, args, r.Header.Get(repeatabilityHeader))
	}
	rec, ok := s.host.Recording(c.recording)
	if !ok {
		return s.ended(c)
	}
	res := rec.Result()
	if !c.isOf(res.Conversation) {
		return outcome{}, errNotHere
	}
	if c.verb == stop {
		s.stopRecording(r.Context(), rec)
		return outcome{recording: res.ID}, nil
	}
	now, err := stateOf(res.State)
	if err != nil {
		return outcome{}, err
	}
	switch c.verb {
	case pause:
		err = rec.Pause(r.Context())
	case resume:
		err = rec.Resume(r.Context())
	}
	return outcome{recording: res.ID, state: now}, err
}

var errNotHere = notFound("there is no such recording here, or it has ended")

// ended answers for a recording that does not run. That it is stopped already is
// what a client wants that stops it once more, as it may have had no answer.
func (s *Server) ended(c call) (outcome, error) {
	r, ok := s.index.get(c.recording)
	if !ok || !c.isOf(r.Conversation) || c.verb != stop {
		return outcome{}, errNotHere
	}
	return outcome{recording: r.ID}, nil
}

// start begins a recording and makes a durable record of it. A request that is
// repeated because its answer was lost gets the same answer.
func (s *Server) start(ctx context.Context, c call, args arguments, request string) (outcome, error) {
	if args.callback != "" {
		if err := s.events.CheckCallback(args.callback); err != nil {
			return outcome{}, invalid("recordingStateCallbackUri", "%v", err)
		}
	}
	if err := s.takeTurn(ctx); err != nil {
		return outcome{}, err
	}
	defer func() { <-s.starting }()
	if r, ok, err := s.requested(ctx, request, c.conversation); ok || err != nil {
		return s.begun(r), err
	}
	if err := s.checkRoom(); err != nil {
		return outcome{}, err
	}
	cfg := s.cfg.Recording
	cfg.Conversation, cfg.ID, cfg.Delay = c.conversation, uuid.Must(uuid.NewV7()).String(), cmp.Or(args.delay, cfg.Delay)
	cfg.PauseOnStart = cfg.PauseOnStart || args.pauseOnStart
	intent := record{
		recordingDetails: recordingDetails{ID: cfg.ID, Conversation: c.conversation, StartTime: time.Now(), Context: args.operationContext},
		CallID:           cmp.Or(args.callID, c.given, callIDOf(c.conversation)), ConnectionID: args.connectionID,
		CallbackURL: args.callback, Request: request,
	}
	if err := s.index.intend(ctx, intent); err != nil {
		return outcome{}, err
	}
	rec, err := s.host.Start(ctx, cfg)
	if err != nil {
		return outcome{}, errors.Join(err, s.index.forget(context.WithoutCancel(ctx), cfg.ID))
	}
	r := s.newRecord(rec)
	if err := s.index.add(context.WithoutCancel(ctx), r); err != nil {
		return outcome{}, errors.Join(err, s.takeBack(ctx, rec))
	}
	return s.begun(r), nil
}

// requested returns the recording that a request has started already, also if the
// server ended before it could make the record and the recording goes on.
func (s *Server) requested(ctx context.Context, request, conversation string) (record, bool, error) {
	if r, ok := s.index.requested(request, conversation); ok {
		return r, true, nil
	}
	id, _ := s.index.intended(request, conversation)
	if rec, ok := s.host.Recording(id); ok {
		r := s.newRecord(rec)
		return r, true, s.index.add(ctx, r)
	}
	return record{}, false, nil
}

// startTurn is how long a start waits for others.
const startTurn = 5 * time.Second

// takeTurn waits until nothing else is started. If a disk hangs, each start takes
// seconds to find that out, and those who wait are not to wait for all of them.
func (s *Server) takeTurn(ctx context.Context) error {
	timer := time.NewTimer(startTurn)
	defer timer.Stop()
	select {
	case s.starting <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("other starts take long: %w", callreel.ErrSpool)
	}
}

// newRecord makes the record of a recording that has just begun.
func (s *Server) newRecord(rec Recording) record {
	d := s.running(rec)
	call, _ := s.host.Call(d.Conversation) // none if it is over already
	return record{recordingDetails: d, CallID: callIDOf(d.Conversation), CorrelatesTo: s.calls.id(d.Conversation, call.Call)}
}

// takeBack ends a recording of which nobody will hear.
func (s *Server) takeBack(ctx context.Context, rec Recording) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancel()
	_, err := rec.Stop(ctx)
	return err
}

// begun is the outcome of a start.
func (s *Server) begun(r record) outcome {
	done := outcome{recording: r.ID}
	if rec, ok := s.host.Recording(r.ID); ok {
		done.state, _ = stateOf(rec.Result().State) // none if it is over already
	}
	return done
}

// stopRecording stops a recording, and has it noted. How it ended is for the recording's details
// and the log to tell: that it ended is what was asked for.
func (s *Server) stopRecording(ctx context.Context, rec Recording) {
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	_, _ = rec.Stop(ctx)
	s.feed.wait(ctx)
}

// stateOf returns the state of a recording; one that is being stopped has none
// any more.
func stateOf(s callreel.State) (recordingState, error) {
	switch s {
	case callreel.Starting, callreel.Active:
		return stateActive, nil
	case callreel.Paused:
		return stateInactive, nil
	}
	return "", notFound("the recording has ended")
}
