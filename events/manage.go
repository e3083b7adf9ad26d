package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/callreel/callreel/internal/fault"
)

// ErrNoSubscription is the error of what is done to one that there is not.
var ErrNoSubscription = fault.Caller.Wrap(errors.New("events: no such subscription"))

// Put adds or changes a subscription. An endpoint that has not agreed yet is
// asked, for up to 30 s; if it refuses, nothing is changed and the error says
// why.
func (s *Service) Put(ctx context.Context, sub Subscription) (st Status, fresh bool, err error) {
	if err := sub.complete(s.cfg.Guard); err != nil {
		return Status{}, false, err
	}
	next := &subscribed{Subscription: sub, State: Active}
	if old := s.get(sub.Name); old == nil || old.State != Active || !old.sameAddress(sub) {
		next.Validation = newValidation(time.Now())
		if next.State, err = s.agree(ctx, next); err != nil {
			return Status{}, false, err
		}
	}
	fresh, err = s.save(ctx, next)
	return s.describe(next), fresh, err
}

// agree asks the endpoint of a subscription, which may have the validation URL
// opened before it answers.
func (s *Service) agree(ctx context.Context, sub *subscribed) (State, error) {
	s.mu.Lock()
	s.asking[sub.Name] = sub
	s.mu.Unlock()
	state, err := s.ask(ctx, &sub.Subscription, sub.Validation)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking[sub.Name] == sub {
		delete(s.asking, sub.Name)
	}
	if err == nil && sub.confirmed {
		state = Active
	}
	return state, err
}

// Configure adds or changes subscriptions that the server's owner has written
// down. An endpoint that can't be asked now is asked again later; what happens
// until it agrees waits for it.
func (s *Service) Configure(ctx context.Context, subs []Subscription) error {
	for i := range subs {
		if err := subs[i].complete(s.cfg.Guard); err != nil {
			return fmt.Errorf("subscription %q: %w", subs[i].Name, err)
		}
	}
	for _, sub := range subs {
		next := &subscribed{Subscription: sub, State: AwaitingValidation}
		if old := s.get(sub.Name); old != nil && old.sameAddress(sub) {
			next.State = old.State
		}
		if _, err := s.save(ctx, next); err != nil {
			return err
		}
		s.askLater(next, 0)
	}
	return nil
}

// askLater asks the endpoint of a subscription until it answers, on the schedule
// of deliveries.
func (s *Service) askLater(sub *subscribed, attempts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[sub.Name] != sub || sub.State == Active {
		return
	}
	wait := time.Duration(0)
	if attempts > 0 {
		wait = delayAfter(attempts, 0)
	}
	sub.timer = s.outbox.after(wait, func(ctx context.Context) {
		next := &subscribed{Subscription: sub.Subscription, Validation: newValidation(time.Now())}
		state, err := s.ask(ctx, &next.Subscription, next.Validation)
		if s.get(sub.Name) != sub || ctx.Err() != nil {
			return // changed meanwhile
		}
		if err != nil {
			s.log.WarnContext(ctx, "endpoint not validated", "subscription", sub.Name, "attempt", attempts+1, "error", err)
			s.askLater(sub, attempts+1)
			return
		}
		next.State = state
		if _, err := s.save(ctx, next); err != nil {
			s.log.ErrorContext(ctx, "subscription can't be kept", "subscription", sub.Name, "error", err)
		}
	})
}

// get returns a subscription, or nil.
func (s *Service) get(name string) *subscribed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subs[name]
}

// save makes a subscription durable and known, and begins its deliveries if it
// may have them.
func (s *Service) save(ctx context.Context, next *subscribed) (fresh bool, err error) {
	next.Version = formatVersion
	value, err := json.Marshal(next)
	if err != nil {
		return false, fmt.Errorf("events: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // what is begun is finished
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.subs[next.Name]
	if _, err := s.cfg.Subscriptions.Put(ctx, next.Name, value); err != nil {
		return false, err
	}
	if old != nil && old.timer != nil {
		old.timer.Stop()
	}
	s.subs[next.Name] = next
	s.outbox.hold(queueOf(next.Name), next.State != Active)
	return old == nil, nil
}

// Confirm is what happens when the validation URL of a subscription is opened.
func (s *Service) Confirm(ctx context.Context, name, code string) error {
	s.mu.Lock()
	asked, known, now := s.asking[name], s.subs[name], time.Now()
	early := asked != nil && asked.Validation.proves(code, now)
	if early {
		asked.confirmed = true
	}
	s.mu.Unlock()
	switch {
	case early:
		return nil
	case known == nil || !known.Validation.proves(code, now):
		return ErrNoSubscription
	}
	_, err := s.save(ctx, &subscribed{Subscription: known.Subscription, State: Active, Validation: known.Validation})
	return err
}

// Delete removes a subscription with what waits for it.
func (s *Service) Delete(ctx context.Context, name string) error {
	s.mu.Lock()
	known := s.subs[name]
	if known == nil {
		s.mu.Unlock()
		return ErrNoSubscription
	}
	delete(s.subs, name)
	if known.timer != nil {
		known.timer.Stop()
	}
	s.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	errs := []error{s.cfg.Subscriptions.Delete(ctx, name)}
	for _, it := range s.outbox.drop(queueOf(name)) {
		errs = append(errs, s.cfg.Outbox.Delete(ctx, it.key()))
	}
	errs = append(errs, s.dead.forget(ctx, name))
	return errors.Join(errs...)
}

// Get returns a subscription, or ErrNoSubscription.
func (s *Service) Get(name string) (Status, error) {
	known := s.get(name)
	if known == nil {
		return Status{}, ErrNoSubscription
	}
	return s.describe(known), nil
}

// List returns all subscriptions by name.
func (s *Service) List() []Status {
	s.mu.Lock()
	names := slices.Sorted(maps.Keys(s.subs))
	s.mu.Unlock()
	all := []Status{}
	for _, name := range names {
		if st, err := s.Get(name); err == nil {
			all = append(all, st)
		}
	}
	return all
}

func (s *Service) describe(sub *subscribed) Status {
	st := sub.status(sub.State)
	st.Pending, st.OldestPending = s.outbox.pending(queueOf(sub.Name))
	return st
}
