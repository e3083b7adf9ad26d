package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/cpu"
)

// local is the host that keeps everything in this process.
type local struct {
	*callreel.Engine
	cfg  whip.Config
	whip *whip.Server // from Open on
	run  string
}

var _ Host = (*local)(nil)

func newLocal(engine *callreel.Engine, cfg whip.Config) *local {
	return &local{Engine: engine, cfg: cfg, run: uuid.NewString()}
}

func (l *local) Open(access Access) (http.Handler, error) {
	cfg := l.cfg
	cfg.Sink = l.sink
	cfg.Authorize = func(r *http.Request, conversation string) (whip.Grant, error) {
		_, g, err := access(r, conversation)
		return g, err
	}
	var err error
	l.whip, err = whip.New(cfg)
	return l.whip, err
}

func (l *local) Close(ctx context.Context) error { return l.whip.Close(ctx) }

// sink finds the conversation that somebody publishes into.
func (l *local) sink(_ context.Context, conversation string) (ingest.Sink, error) {
	id, err := canonicalID(conversation)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", whip.ErrNotFound, err)
	}
	conv, err := l.Conversation(id)
	if errors.Is(err, callreel.ErrClosed) {
		return nil, fmt.Errorf("%w: %w", whip.ErrUnavailable, err)
	}
	return conv, err
}

func (l *local) Start(ctx context.Context, cfg callreel.RecordingConfig) (Recording, error) {
	rec, err := l.Engine.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return rec, nil
}

func (l *local) Recording(id string) (Recording, bool) {
	rec, ok := l.Engine.Recording(id)
	return rec, ok
}

func (l *local) Recordings() []Recording {
	var all []Recording
	for _, r := range l.Engine.Recordings() {
		all = append(all, r)
	}
	return all
}

func (l *local) Continue(ctx context.Context, within time.Duration) error {
	_, err := l.Engine.Continue(ctx, within)
	return err
}

func (l *local) Call(conversation string) (Call, bool) {
	conv, ok := l.Lookup(conversation)
	if !ok {
		return Call{}, false
	}
	return l.describe(conv, l.whip.Sessions()), true
}

func (l *local) Calls() []Call {
	sessions := l.whip.Sessions()
	var all []Call
	for _, conv := range l.Conversations() {
		all = append(all, l.describe(conv, sessions))
	}
	return all
}

func (l *local) describe(conv *callreel.Conversation, sessions []whip.SessionInfo) Call {
	c := Call{ConversationInfo: conv.Info()}
	if rec := c.ConversationInfo.Recording; rec != nil {
		c.Recording, c.State, c.ConversationInfo.Recording = rec.ID(), rec.State(), nil
	}
	for _, x := range sessions {
		if id, err := canonicalID(x.Conversation); err == nil && id == c.ID {
			c.Sessions = append(c.Sessions, x)
		}
	}
	return c
}

func (l *local) Sessions() []whip.SessionInfo { return l.whip.Sessions() }

func (l *local) Run(string) string { return l.run }

func (l *local) Usage() Usage { return Usage{CPU: cpu.Process()} }
