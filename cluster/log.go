package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// repeatWindow is how long a message that is published again is known.
const repeatWindow = 24 * time.Hour

// Log is a sequence of messages that are kept for some time. The methods are
// safe for concurrent use.
type Log struct {
	name    string
	subject string
	js      jetstream.JetStream
	stream  jetstream.Stream
}

// Message is one of a log.
type Message struct {
	Sequence uint64 // from 1, without gaps
	Time     time.Time
	Data     []byte
}

// Log opens a log whose messages are kept for keep, and which is made if it is
// not there. Names are letters, digits, hyphens and underscores.
func (n *Node) Log(ctx context.Context, name string, keep time.Duration) (*Log, error) {
	l := &Log{name: name, subject: "log." + name, js: n.js}
	var err error
	l.stream, err = n.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "LOG_" + name, Subjects: []string{l.subject}, Storage: jetstream.FileStorage,
		MaxAge: keep, Duplicates: min(repeatWindow, keep), MaxMsgSize: maxValue,
	})
	if err != nil {
		return nil, fmt.Errorf("cluster: open log %s: %w", name, err)
	}
	return l, nil
}

// Append adds a message. One whose id was there within a day is not added
// again, and no error.
func (l *Log) Append(ctx context.Context, id string, data []byte) error {
	if _, err := l.js.Publish(ctx, l.subject, data, jetstream.WithMsgID(id)); err != nil {
		return fmt.Errorf("cluster: append to log %s: %w", l.name, err)
	}
	return nil
}

// After returns the first message behind a sequence number, 0 for the oldest
// that is kept. There being none is ErrNotExist.
func (l *Log) After(ctx context.Context, sequence uint64) (Message, error) {
	m, err := l.stream.GetMsg(ctx, sequence+1, jetstream.WithGetMsgSubject(l.subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		err = ErrNotExist
	}
	if err != nil {
		return Message{}, fmt.Errorf("cluster: read log %s: %w", l.name, err)
	}
	return Message{m.Sequence, m.Time, m.Data}, nil
}
