package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/storage"
)

const (
	// gathering is how long participants may take to join.
	gathering = time.Minute
	// liveCall is the conversation.
	liveCall = "bench"
)

func loopback(ip net.IP) bool { return ip.IsLoopback() }

// live records in real time what another process sends over WebRTC on the
// loopback interface. The call begins before the recording.
func (j Job) live(ctx context.Context) (rep report, err error) {
	engine, err := callreel.New(callreel.Config{
		Storage: storage.Dir(filepath.Join(j.Dir, "store")), Spool: filepath.Join(j.Dir, "spool"),
	})
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	there := make(chan struct{}, j.Scenario.sessions())
	server, err := whip.New(whip.Config{
		Sink: func(_ context.Context, id string) (ingest.Sink, error) { return engine.Conversation(id) },
		Authorize: func(r *http.Request, _ string) (whip.Grant, error) {
			g := whip.Grant{Participant: ingest.Participant{ID: r.URL.Query().Get("participant")}}
			if r.URL.Query().Get("role") == ingest.Screen.String() {
				g.Role = ingest.Screen
			}
			return g, nil
		},
		Loopback: true, DisableIPv6: true,
		Hooks: whip.Hooks{Connected: func(whip.SessionInfo) { there <- struct{}{} }},
	})
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, server.Close(context.WithoutCancel(ctx))) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return rep, err
	}
	web := &http.Server{Handler: server, ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(listener) }() // until web is closed
	defer func() { err = errors.Join(err, web.Close()) }()

	sending, stop := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := j
		s.Kind, s.Endpoint = jobSend, fmt.Sprintf("http://%s/whip/%s", listener.Addr(), liveCall)
		_, err := s.spawn(sending, j.Command)
		stop(err)
	}()
	defer func() { <-done }()
	defer stop(nil)
	for range j.Scenario.sessions() {
		select {
		case <-there:
		case <-sending.Done():
			return rep, context.Cause(sending)
		case <-time.After(gathering):
			return rep, errors.New("bench: not everybody has joined")
		}
	}
	return j.watch(sending, engine)
}

// sessions is how many there are: a shared screen has one of its own.
func (s Scenario) sessions() int {
	if s.shares(0) {
		return s.Participants + 1
	}
	return s.Participants
}

// watch records the call for as long as the scenario lasts.
func (j Job) watch(ctx context.Context, engine *callreel.Engine) (report, error) {
	p := &probe.Probe{Label: j.Profile != ""}
	stop, err := profile(j.Profile)
	if err != nil {
		return report{}, err
	}
	settings := j.settings()
	settings.Conversation = liveCall
	before := cpu.Process()
	rec, err := engine.Start(probe.With(ctx, p), settings)
	if err != nil {
		return report{}, err
	}
	select {
	case <-time.After(time.Duration(j.Scenario.Seconds) * time.Second):
	case <-ctx.Done():
		return report{}, context.Cause(ctx)
	}
	stopped := time.Now()
	res, err := rec.Stop(ctx)
	took := time.Since(stopped)
	used := cpu.Process() - before
	if err := errors.Join(err, stop()); err != nil {
		return report{}, err
	}
	s := Sample{Seconds: res.Duration.Seconds(), Wall: 1, PeakRSS: peakRSS(), FileRSS: fileRSS()}
	s.spend(used, p.Spent())
	s.Lateness, s.LateTicks = res.Report.Ticks.P95Lateness, res.Stats.LateTicks
	s.Unseen, s.Stopping = unseen(res.Report), took
	return report{Sample: s, Quality: describe(res)}, nil
}

// unseen is for how long a camera had no picture yet: the longest of all.
func unseen(r *callreel.Report) (most time.Duration) {
	for _, p := range r.Participants {
		for _, t := range p.Tracks {
			if t.Pictures != nil {
				most = max(most, t.Pictures.Blank.Total)
			}
		}
	}
	return most
}

// spend divides what a process used among the stages of its recording.
func (s *Sample) spend(used time.Duration, spent map[probe.Stage]time.Duration) {
	s.Stages = make(map[string]float64)
	used -= spent[probe.Replay]
	s.Cores = used.Seconds() / s.Seconds
	for stage, d := range spent {
		if stage != probe.Replay {
			used -= d
			s.Stages[stage.String()] = d.Seconds() / s.Seconds
		}
	}
	s.Stages[stageThreads] = used.Seconds() / s.Seconds
}
