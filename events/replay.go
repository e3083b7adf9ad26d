package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/callreel/callreel/cluster"
)

// maxReplayIDs bounds a selection.
const maxReplayIDs = 1000

// Selection says which events are delivered again. Exactly one way must be used.
type Selection struct {
	IDs         []string  `json:"ids,omitempty"`
	From        time.Time `json:"from,omitzero"` // events since then,
	To          time.Time `json:"to,omitzero"`   // and before then; zero: up to now
	DeadLetters bool      `json:"deadLetters,omitempty"`
}

// Logged is an event of the log.
type Logged struct {
	Sequence uint64          `json:"sequence"`
	Event    json.RawMessage `json:"event"` // as CloudEvents has it
}

// Events returns up to limit events of a type, any if it is empty, that were
// published behind a sequence number, and the number to go on from.
func (s *Service) Events(ctx context.Context, after uint64, eventType string, limit int) (list []Logged, next uint64, err error) {
	list, next = []Logged{}, after
	for m, err := range s.logged(ctx, after) {
		if err != nil {
			return nil, after, err
		}
		if eventType == "" || eventType == m.event.Type {
			doc, err := json.Marshal(m.event.cloud(s.cfg.Topic, timeFormat))
			if err != nil {
				return nil, after, fmt.Errorf("events: %w", err)
			}
			list = append(list, Logged{m.Sequence, doc})
		}
		if next = m.Sequence; len(list) == limit {
			break
		}
	}
	return list, next, nil
}

type logged struct {
	cluster.Message
	event Event
}

// logged yields the log behind a sequence number. An error ends it.
func (s *Service) logged(ctx context.Context, after uint64) iter.Seq2[logged, error] {
	return func(yield func(logged, error) bool) {
		for {
			m, err := s.cfg.Log.After(ctx, after)
			if errors.Is(err, cluster.ErrNotExist) {
				return
			}
			l := logged{Message: m}
			if err == nil {
				err = json.Unmarshal(m.Data, &l.event)
			}
			if !yield(l, err) || err != nil {
				return
			}
			after = m.Sequence
		}
	}
}

// Replay delivers events of the log, or what was given up, to a subscription
// once more, with the ids that they had. What is under way is left alone. It
// returns how many deliveries it began.
func (s *Service) Replay(ctx context.Context, name string, which Selection) (n int, err error) {
	if s.get(name) == nil {
		return 0, ErrNoSubscription
	}
	if err := which.check(); err != nil {
		return 0, err
	}
	if which.DeadLetters {
		return s.replayDead(ctx, name)
	}
	for l, err := range s.logged(ctx, 0) {
		if err != nil {
			return n, err
		}
		if !which.has(l.event) {
			continue
		}
		fresh, err := s.enqueue(ctx, &delivery{Target: name, Event: l.event})
		if err != nil {
			return n, err
		}
		if fresh {
			n++
		}
	}
	return n, nil
}

// replayDead queues a dead letter before it is removed, so that none is lost.
func (s *Service) replayDead(ctx context.Context, name string) (n int, err error) {
	dead, err := s.dead.all(ctx, name)
	if err != nil {
		return 0, err
	}
	for _, d := range dead {
		if _, err := s.enqueue(ctx, &delivery{Target: name, Event: d.Event}); err != nil {
			return n, err
		}
		if err := s.dead.take(ctx, d.key()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (w Selection) check() error {
	ways := 0
	for _, used := range []bool{len(w.IDs) > 0, !w.From.IsZero() || !w.To.IsZero(), w.DeadLetters} {
		if used {
			ways++
		}
	}
	switch {
	case ways != 1:
		return invalid("exactly one of ids, from with to, and deadLetters says what is replayed")
	case len(w.IDs) > maxReplayIDs:
		return invalid("there are more than %d ids", maxReplayIDs)
	case !w.To.IsZero() && !w.From.Before(w.To):
		return invalid("from is not before to")
	}
	return nil
}

// has reports whether an event is selected.
func (w Selection) has(e Event) bool {
	if len(w.IDs) > 0 {
		return slices.Contains(w.IDs, e.ID)
	}
	to := w.To
	if to.IsZero() {
		to = time.Now()
	}
	return !e.Time.Before(w.From) && e.Time.Before(to)
}
