package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/events"
	"github.com/callreel/callreel/storage"
)

// DefaultContinueWithin is how long ago a recording may have been interrupted
// that goes on at the start.
const DefaultContinueWithin = 5 * time.Minute

// spoolWait is how long a start waits for processes of an earlier run.
const spoolWait = 3 * time.Second

// eventsKept is for how long events can be listed and replayed.
const eventsKept = 7 * 24 * time.Hour

// Start reads the state that an earlier run has left and puts it in order:
// recordings that were interrupted just now go on, none is said to run that does
// not, and what was not told is told. Then the server can answer requests. Close
// it, also if this fails.
func (s *Server) Start(ctx context.Context) error {
	if err := s.openState(ctx); err != nil {
		return err
	}
	if err := s.reconcile(ctx); err != nil {
		return err
	}
	if err := s.events.Configure(ctx, s.cfg.Webhooks.Subscriptions); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { s.feed.run(background, s.deal) })
	s.sweeper.Go(func() { s.sweepAll(background) })
	return nil
}

// openState opens the tables.
func (s *Server) openState(ctx context.Context) error {
	node := s.cfg.Cluster
	recordings, err := node.Table(ctx, "recordings")
	if err != nil {
		return err
	}
	if s.index, err = openIndex(ctx, recordings, node.ID()); err != nil {
		return err
	}
	cfg := events.Config{
		DeadLetterFile: s.cfg.Webhooks.DeadLetterFile, Topic: s.topic(), URL: s.urls.self,
		Guard: s.cfg.Webhooks.Guard, Transport: s.cfg.Webhooks.Transport, Logger: s.log,
	}
	for name, table := range map[string]*events.Table{"outbox": &cfg.Outbox, "deadletters": &cfg.Dead, "subscriptions": &cfg.Subscriptions} {
		if *table, err = node.Table(ctx, name); err != nil {
			return err
		}
	}
	if cfg.Log, err = node.Log(ctx, "events", eventsKept); err != nil {
		return err
	}
	open, err := node.Table(ctx, "calls")
	if err != nil {
		return err
	}
	if s.events, err = events.Open(ctx, cfg); err != nil {
		return err
	}
	s.calls = &calls{table: open, node: node.ID(), events: s.events, open: make(map[string]*openCall)}
	return nil
}

// topic is the source of events, in the form of the service's.
func (s *Server) topic() string {
	return "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/callreel/providers/microsoft.communication/communicationservices/" +
		s.cfg.ResourceID
}

// reconcile brings records and reality together after a restart.
func (s *Server) reconcile(ctx context.Context) error {
	now := time.Now()
	if err := s.awaitSpool(ctx); err != nil {
		s.log.WarnContext(ctx, "another process has recordings in the spool", "error", err)
	}
	if s.cfg.ContinueWithin > 0 {
		if err := s.host.Continue(ctx, s.cfg.ContinueWithin); err != nil {
			s.log.ErrorContext(ctx, "not all recordings that were interrupted can go on", "error", err)
		}
	}
	left, err := s.cfg.Engine.Recover(ctx)
	if err != nil {
		// What can't be recovered stays in the spool, for a person to look at.
		s.log.ErrorContext(ctx, "not all recordings of an earlier run can be recovered", "error", err)
	}
	for _, res := range left {
		s.log.WarnContext(ctx, "recovered", "recording", res.ID, "conversation", res.Conversation,
			"duration", res.Duration, "chunks", len(res.Chunks), "endReason", res.EndReason)
		if err := s.noteEnd(ctx, res, endOf(res)); err != nil {
			return err
		}
	}
	if err := s.adopt(ctx); err != nil {
		return err
	}
	for _, r := range s.index.all(place{}) {
		if r.Node == s.index.node {
			if err := s.settle(ctx, r, now); err != nil {
				return err
			}
		}
	}
	if err := s.index.forgetIntents(ctx, now); err != nil {
		return err
	}
	return s.calls.recover(ctx, now)
}

// awaitSpool waits for workers of an earlier run that are just ending.
func (s *Server) awaitSpool(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, spoolWait)
	defer cancel()
	return s.cfg.Engine.AwaitSpool(ctx)
}

// endOf is when a recording ended of which that is not known otherwise.
func endOf(res callreel.Result) time.Time {
	end := res.StartTime.Add(res.Duration)
	for _, p := range res.Pauses {
		end = end.Add(p.Duration)
	}
	for _, g := range res.Gaps {
		end = end.Add(g.Duration)
	}
	return end
}

// settle ends the record of a recording that does not run, and tells what was
// not told of it.
func (s *Server) settle(ctx context.Context, r record, now time.Time) error {
	if _, runs := s.host.Recording(r.ID); runs || r.State == stateDeleted || r.Announced {
		return nil
	}
	if !r.Stored {
		d, err := s.stored(ctx, r.ID)
		switch {
		case err == nil: // it was delivered, but that was not noted
			return s.settleStored(ctx, r, d, now)
		case !errors.Is(err, storage.ErrNotExist):
			s.log.ErrorContext(ctx, "store can't be asked for a recording", "recording", r.ID, "error", err)
			s.unsettled[r.ID] = true // for the next sweep
			return nil
		case r.over():
			return nil // its files are on their way
		}
		return s.noteEnd(ctx, callreel.Result{
			ID: r.ID, Conversation: r.Conversation, StartTime: r.StartTime, State: callreel.Failed, EndReason: callreel.EndInterrupted,
		}, now)
	}
	return s.announce(ctx, r.ID)
}

func (s *Server) settleStored(ctx context.Context, r record, d recordingDetails, now time.Time) error {
	err := s.index.change(ctx, r.ID, func(r *record) {
		if !r.over() {
			d.EndTime = now
			d.Context = r.Context
			r.recordingDetails = d
		}
		r.Stored = true
	})
	if err != nil {
		return err
	}
	return errors.Join(s.callBackEnd(ctx, r.ID, now), s.announce(ctx, r.ID))
}

// adopt makes records of the recordings in a store whose index is new, as after
// an update from a version that had none.
func (s *Server) adopt(ctx context.Context) error {
	if len(s.index.all(place{})) > 0 {
		return nil
	}
	for info, err := range s.cfg.Store.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("control: list the store: %w", err)
		}
		id, ok := recordingOf(info.Key)
		if !ok {
			continue
		}
		d, err := s.stored(ctx, id)
		if err != nil {
			s.log.ErrorContext(ctx, "recording in the store can't be read", "recording", id, "error", err)
			continue
		}
		d.EndTime = info.ModTime
		if err := s.index.add(ctx, record{recordingDetails: d, CallID: callIDOf(d.Conversation), Stored: true, Announced: true}); err != nil {
			return err
		}
	}
	return nil
}

// Close disconnects all publishers, tells what is left to tell, and waits for
// that until ctx ends. To have recordings finish first, close the engine before.
func (s *Server) Close(ctx context.Context) error {
	err := s.host.Close(ctx)
	if s.events == nil {
		return err
	}
	s.feed.close()
	told := make(chan struct{})
	go func() { s.background.Wait(); close(told) }() // ends when stop is called, at the latest
	select {
	case <-told:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("control: %d events are not noted: %w", s.feed.depth(), ctx.Err()))
	}
	if s.stop != nil {
		s.stop()
	}
	<-told
	s.sweeper.Wait()
	s.events.Close()
	return err
}
