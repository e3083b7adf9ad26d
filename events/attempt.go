package events

import (
	"context"
	"errors"
	"time"

	"github.com/callreel/callreel/cluster"
)

// Why a delivery is given up, as dead letters say it.
const (
	reasonAttempts = "MaxDeliveryAttemptsExceeded"
	reasonTTL      = "TimeToLiveExceeded"
	reasonRefused  = "UndeliverableDueToClientError"
)

// retryWrite is how long to wait when a record can't be written.
const retryWrite = 10 * time.Second

// attempt makes one attempt at a delivery. Before it sends anything it notes
// that it does, with the time of the next attempt: so none is made twice, by
// whichever node, and one that a crash cuts off is made again.
func (s *Service) attempt(ctx context.Context, it *item) (again bool) {
	sub, attempts, ttl := s.target(it.delivery)
	now := time.Now()
	switch {
	case it.Target != "" && sub == nil:
		return s.remove(ctx, it) // it was deleted
	case !now.Before(it.deadline(ttl)):
		return s.giveUp(ctx, it, sub, reasonTTL)
	}
	d := it.delivery // keep may put another in its place
	d.Attempts++
	it.Last, it.Next = now, now.Add(delayAfter(it.Attempts, 0))
	if again, ok := s.keep(ctx, it); !ok {
		d.Attempts--
		return again
	}
	s.attempts.Add(1)
	out := s.sender.deliver(ctx, it.delivery, sub)
	if ctx.Err() != nil {
		return false // the service is closing
	}
	if delivered(out.status) {
		s.delivered.Add(1)
		return s.remove(ctx, it)
	}
	it.Outcome = out.name
	s.log.WarnContext(ctx, "event not delivered", "event", it.Event.ID, "type", it.Event.Type, "subscription", it.Target,
		"attempt", it.Attempts, "status", out.status, "outcome", out.name, "error", out.err)
	switch {
	case hopeless(out.status):
		return s.giveUp(ctx, it, sub, reasonRefused)
	case it.Attempts >= attempts:
		return s.giveUp(ctx, it, sub, reasonAttempts)
	}
	it.Next = it.Last.Add(delayAfter(it.Attempts, out.status))
	if end := it.deadline(ttl); it.Next.After(end) {
		it.Next = end
	}
	again, ok := s.keep(ctx, it)
	return ok || again
}

// target returns the subscription of a delivery, nil if there is none, and for
// how often and how long it is tried.
func (s *Service) target(d *delivery) (sub *Subscription, attempts int, ttl time.Duration) {
	if d.Target == "" {
		return nil, maxAttempts, maxTTLMinutes * time.Minute
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.subs[d.Target]; known != nil {
		c := known.Subscription
		return &c, c.MaxAttempts, time.Duration(c.TTLMinutes) * time.Minute
	}
	return nil, 0, 0
}

// keep writes a delivery's record. If that fails the delivery is tried later.
func (s *Service) keep(ctx context.Context, it *item) (again, ok bool) {
	rev, err := s.cfg.Outbox.Update(ctx, it.key(), it.encode(), it.revision)
	if errors.Is(err, cluster.ErrConflict) {
		return s.follow(ctx, it)
	}
	if err == nil {
		it.revision = rev
		return true, true
	}
	if ctx.Err() != nil {
		return false, false
	}
	s.log.ErrorContext(ctx, "event delivery can't be noted", "event", it.Event.ID, "error", err)
	it.Next = time.Now().Add(retryWrite)
	return true, false
}

// follow goes by a record that was changed meanwhile: by another node, or by a
// write that took so long that it was given up. If it is gone, somebody has
// delivered.
func (s *Service) follow(ctx context.Context, it *item) (again, ok bool) {
	r, err := s.cfg.Outbox.Get(ctx, it.key())
	if errors.Is(err, cluster.ErrNotExist) || ctx.Err() != nil {
		return false, false
	}
	if err == nil {
		var d *delivery
		if d, err = decodeDelivery(r.Value); err == nil {
			it.delivery, it.revision = d, r.Revision
			return true, false
		}
	}
	s.log.ErrorContext(ctx, "event delivery can't be read", "event", it.Event.ID, "error", err)
	it.Next = time.Now().Add(retryWrite)
	return true, false
}

// remove ends a delivery. If its record can't be deleted it is made again after
// a restart, at worst.
func (s *Service) remove(ctx context.Context, it *item) (again bool) {
	if err := s.cfg.Outbox.Delete(ctx, it.key()); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "delivered event can't be removed", "event", it.Event.ID, "error", err)
	}
	return false
}

// giveUp makes a dead letter of a delivery.
func (s *Service) giveUp(ctx context.Context, it *item, sub *Subscription, reason string) (again bool) {
	if err := s.dead.add(ctx, it.delivery, sub, reason); err != nil {
		s.log.ErrorContext(ctx, "dead letter can't be written", "event", it.Event.ID, "error", err)
		it.Next = time.Now().Add(retryWrite)
		return ctx.Err() == nil
	}
	s.given.Add(1)
	s.log.ErrorContext(ctx, "event given up", "event", it.Event.ID, "type", it.Event.Type, "subscription", it.Target,
		"attempts", it.Attempts, "reason", reason, "outcome", it.Outcome)
	return s.remove(ctx, it)
}
