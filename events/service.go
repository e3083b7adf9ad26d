package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel/cluster"
)

// Table keeps records. [cluster.Table] is one.
type Table interface {
	Get(ctx context.Context, key string) (cluster.Record, error)
	Put(ctx context.Context, key string, value []byte) (revision uint64, err error)
	Create(ctx context.Context, key string, value []byte) (revision uint64, err error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	Delete(ctx context.Context, key string) error
	All(ctx context.Context) iter.Seq2[cluster.Record, error]
}

// Log keeps what was published. [cluster.Log] is one.
type Log interface {
	Append(ctx context.Context, id string, data []byte) error
	After(ctx context.Context, sequence uint64) (cluster.Message, error)
}

var (
	_ Table = (*cluster.Table)(nil)
	_ Log   = (*cluster.Log)(nil)
)

// Config says where a Service keeps its state and what it may call. The tables
// and the log are needed, and belong to the service.
type Config struct {
	// Outbox holds deliveries, Dead those that were given up, Subscriptions the
	// subscriptions.
	Outbox, Dead, Subscriptions Table
	Log                         Log
	// DeadLetterFile is where given up deliveries are written, a line of JSON
	// each. Empty means nowhere.
	DeadLetterFile string
	// Topic is the source of events that name none.
	Topic string
	// URL is where endpoints reach this server, to agree by hand. It has no
	// slash at its end.
	URL string
	// Guard says which addresses may be called.
	Guard Guard
	// Transport makes the requests instead of one that the Guard watches over.
	// Nil means that one.
	Transport http.RoundTripper
	// Logger receives what goes wrong. Nil means none.
	Logger *slog.Logger
}

// Service delivers events. Its methods are safe for concurrent use.
type Service struct {
	cfg    Config
	log    *slog.Logger
	sender *sender
	outbox *outbox
	dead   *deadLetters

	mu     sync.Mutex
	subs   map[string]*subscribed
	asking map[string]*subscribed // those whose endpoint is being asked

	delivered, attempts, given atomic.Uint64
}

// subscribed is a subscription with what is known of its endpoint: a record of
// the table Subscriptions.
type subscribed struct {
	Version int `json:"version"`
	Subscription
	State      State      `json:"state"`
	Validation validation `json:"validation,omitzero"`

	timer     *time.Timer // of the next time that the endpoint is asked
	confirmed bool        // by hand, while it was being asked
}

// Open reads what an earlier run has left and begins to deliver it. Close the
// service.
func Open(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Outbox == nil || cfg.Dead == nil || cfg.Subscriptions == nil || cfg.Log == nil {
		return nil, errors.New("events: the tables and the log are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Transport == nil {
		cfg.Transport = cfg.Guard.roundTripper()
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	s := &Service{cfg: cfg, log: cfg.Logger, subs: make(map[string]*subscribed), asking: make(map[string]*subscribed)}
	s.sender = &sender{http: newClient(cfg.Transport), topic: cfg.Topic, origin: originOf(cfg.URL)}
	s.outbox = newOutbox(s.attempt)
	var err error
	if s.dead, err = openDeadLetters(ctx, cfg); err == nil {
		err = s.load(ctx)
	}
	if err != nil {
		s.outbox.close()
		return nil, err
	}
	return s, nil
}

// originOf is by what name endpoints of CloudEvents know a server.
func originOf(at string) string {
	if u, err := url.Parse(at); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return "callreel"
}

// load reads subscriptions first, so that nothing is sent to one that has not
// agreed.
func (s *Service) load(ctx context.Context) error {
	for r, err := range s.cfg.Subscriptions.All(ctx) {
		if err != nil {
			return err
		}
		var sub subscribed
		if err := json.Unmarshal(r.Value, &sub); err != nil {
			return fmt.Errorf("events: subscription %q: %w", r.Key, err)
		}
		if sub.Version > formatVersion {
			return fmt.Errorf("events: subscription %q has version %d, and this program knows %d", r.Key, sub.Version, formatVersion)
		}
		s.subs[sub.Name] = &sub
		s.outbox.hold(queueOf(sub.Name), sub.State != Active)
	}
	for r, err := range s.cfg.Outbox.All(ctx) {
		if err != nil {
			return err
		}
		d, err := decodeDelivery(r.Value)
		if err != nil {
			return err
		}
		s.outbox.add(item{d, r.Revision})
	}
	return nil
}

// Publish tells all who want it of an event. When it returns the event is
// durable; delivering it goes on in the background. Publishing it again, after
// an error or a restart, is harmless.
func (s *Service) Publish(ctx context.Context, e Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if err := s.cfg.Log.Append(ctx, e.ID, b); err != nil {
		return err
	}
	var errs []error
	for _, name := range s.wanting(e.Type) {
		_, err := s.enqueue(ctx, &delivery{Target: name, Event: e})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// wanting returns the subscriptions for a type of event.
func (s *Service) wanting(eventType string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, sub := range s.subs {
		if sub.wants(eventType) {
			names = append(names, name)
		}
	}
	return names
}

// Callback tells one address of an event, in the form of callbacks, likewise.
// The address must pass [Service.CheckCallback].
func (s *Service) Callback(ctx context.Context, address string, e Event) error {
	_, err := s.enqueue(ctx, &delivery{Callback: address, Event: e})
	return err
}

// CheckCallback finds what is wrong with an address for callbacks.
func (s *Service) CheckCallback(address string) error { return s.cfg.Guard.checkURL(address) }

// enqueue makes a delivery durable and begins it, unless it is under way.
func (s *Service) enqueue(ctx context.Context, d *delivery) (fresh bool, err error) {
	d.Version, d.Published = formatVersion, time.Now()
	d.Next = d.Published
	rev, err := s.cfg.Outbox.Create(ctx, d.key(), d.encode())
	if errors.Is(err, cluster.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.outbox.add(item{d, rev})
	return true, nil
}

// Stats tells how delivering goes.
type Stats struct {
	Pending       int       // deliveries that wait or are under way
	Oldest        time.Time // when the oldest of these was published
	Subscriptions int
	Delivered     uint64 // since the start, as are the following
	Attempts      uint64
	DeadLettered  uint64
}

// Stats returns a snapshot.
func (s *Service) Stats() Stats {
	st := Stats{Delivered: s.delivered.Load(), Attempts: s.attempts.Load(), DeadLettered: s.given.Load()}
	st.Pending, st.Oldest = s.outbox.all()
	s.mu.Lock()
	st.Subscriptions = len(s.subs)
	s.mu.Unlock()
	return st
}

// Close stops delivering. What is left is delivered after the next Open.
func (s *Service) Close() {
	s.mu.Lock()
	for _, sub := range s.subs {
		if sub.timer != nil {
			sub.timer.Stop()
		}
	}
	s.mu.Unlock()
	s.outbox.close()
	s.sender.http.CloseIdleConnections()
}
