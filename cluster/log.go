package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// repeatWindow is how long a message that is published again is known.
const repeatWindow = 24 * time.Hour

// Log is a sequence of messages that are kept for some time. The methods are
// safe for concurrent use.
type Log struct {
	name string
	in   messages
}

// Message is one of a log.
type Message struct {
	Sequence uint64 // from 1, without gaps
	Time     time.Time
	Data     []byte
}

// messages is where the messages of a log are.
type messages interface {
	append(ctx context.Context, id string, data []byte) error
	after(ctx context.Context, sequence uint64) (Message, error)
}

// Append adds a message. One whose id was there within a day is not added
// again, and no error.
func (l *Log) Append(ctx context.Context, id string, data []byte) error {
	if err := l.in.append(ctx, id, data); err != nil {
		return fmt.Errorf("cluster: append to log %s: %w", l.name, err)
	}
	return nil
}

// After returns the first message behind a sequence number, 0 for the oldest
// that is kept. There being none is ErrNotExist.
func (l *Log) After(ctx context.Context, sequence uint64) (Message, error) {
	m, err := l.in.after(ctx, sequence)
	if err != nil {
		return Message{}, fmt.Errorf("cluster: read log %s: %w", l.name, err)
	}
	return m, nil
}

// stream is a stream of NATS.
type stream struct {
	subject string
	js      jetstream.JetStream
	stream  jetstream.Stream
}

var _ messages = (*stream)(nil)

func (n *Node) stream(ctx context.Context, name string, keep time.Duration) (*stream, error) {
	s := &stream{subject: "log." + name, js: n.js}
	var err error
	s.stream, err = n.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "LOG_" + name, Subjects: []string{s.subject}, Storage: jetstream.FileStorage,
		MaxAge: keep, Duplicates: min(repeatWindow, keep), MaxMsgSize: maxValue,
	})
	return s, err
}

func (s *stream) append(ctx context.Context, id string, data []byte) error {
	_, err := s.js.Publish(ctx, s.subject, data, jetstream.WithMsgID(id))
	return err
}

func (s *stream) after(ctx context.Context, sequence uint64) (Message, error) {
	m, err := s.stream.GetMsg(ctx, sequence+1, jetstream.WithGetMsgSubject(s.subject))
	if err != nil {
		return Message{}, typed(err)
	}
	return Message{m.Sequence, m.Time, m.Data}, nil
}
