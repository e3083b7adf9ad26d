package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/token"
)

const (
	demoCall    = "demo"
	demoJoining = 10 * time.Second // for participants to be in the call
)

// demoCmd shows what callreel does, in less than a minute.
type demoCmd struct {
	Output  string `help:"Where the result goes: this name with .mp4, .json and .png." default:"callreel-demo" type:"path"`
	Capture bool   `help:"Keep also what the server received, with .pcapng, for callreel compose and for Wireshark."`
}

// Help is shown by callreel demo --help.
func (demoCmd) Help() string {
	return `Four simulated participants (VP8, VP9, H.264, AV1), each a process of its own, join a server in this process over WebRTC.
It records them over its HTTP API, with a pause, while one leaves and a fifth joins, and downloads what came of it.`
}

// demo is a run of the demo.
type demo struct {
	out       io.Writer
	began     time.Time
	server    *server
	api       *client.Client
	people    []*guest // by number; those who left are still there
	recording string
	cpu       cpuMeter
}

// Run runs the demo.
func (c *demoCmd) Run(ctx context.Context, con console) (err error) {
	dir, err := os.MkdirTemp("", "callreel-demo-")
	if err != nil {
		return err
	}
	d := &demo{out: con.out, began: time.Now()}
	defer func() { err = errors.Join(err, d.close(), os.RemoveAll(dir)) }()
	if err := d.start(dir, c.Capture, con.err); err != nil {
		return err
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	var more []string
	if c.Capture {
		more = append(more, c.Output+".pcapng")
		if err := d.keepCapture(dir, more[0]); err != nil {
			return err
		}
	}
	return d.collect(ctx, c.Output, more)
}

// start starts the server and a client of it.
func (d *demo) start(dir string, capture bool, logTo io.Writer) error {
	key := make([]byte, minAccessKey)
	_, _ = rand.Read(key) // never fails
	var err error
	d.server, err = startServer(context.Background(), serverConfig{
		Listen: "127.0.0.1:0", Data: dir, Key: key,
		Recording: callreel.RecordingConfig{Capture: capture},
		Log:       slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	secret, err := d.server.Token(token.Claims{Scopes: []token.Scope{token.Control, token.Read}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		return err
	}
	d.api, err = client.New(client.Config{Endpoint: d.server.URL, Token: secret})
	return err
}

// act is a step of the play, and how long the call goes on after it.
type act struct {
	what string
	do   func(context.Context) error
	then time.Duration
}

// play lets people come and go, and records them.
func (d *demo) play(ctx context.Context) error {
	for _, a := range []act{
		{"four participants join over WebRTC", func(ctx context.Context) error { return d.join(ctx, "vp8", "vp9", "h264", "av1") }, time.Second},
		{"recording starts", d.record, 8 * time.Second},
		{"pause", func(ctx context.Context) error { return d.api.PauseRecording(ctx, demoCall, d.recording) }, 4 * time.Second},
		{"resume", func(ctx context.Context) error { return d.api.ResumeRecording(ctx, demoCall, d.recording) }, 5 * time.Second},
		{"one leaves", func(context.Context) error { return d.people[1].leave() }, 5 * time.Second},
		{"a fifth joins", func(ctx context.Context) error { return d.join(ctx, "vp8") }, 6 * time.Second},
		{"recording stops", d.stop, 0},
	} {
		if err := a.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", a.what, err)
		}
		d.say("%s", a.what)
		if err := d.watch(ctx, a.then); err != nil {
			return err
		}
	}
	return nil
}

// join lets participants join one after the other, one for each video codec.
func (d *demo) join(ctx context.Context, codecs ...string) error {
	for _, codec := range codecs {
		g, err := invite(d.server.URL, len(d.people), codec)
		if err != nil {
			return err
		}
		d.people = append(d.people, g)
		if err := d.await(ctx, d.present()+1); err != nil {
			return err
		}
	}
	return nil
}

// await waits until so many are in the call.
func (d *demo) await(ctx context.Context, people int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, demoJoining, errors.New("the participant did not get through"))
	defer cancel()
	for d.present() < people {
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// present returns how many are in the call.
func (d *demo) present() int {
	c, ok := d.server.Engine.Lookup(demoCall)
	if !ok {
		return 0
	}
	return len(c.Info().Participants)
}

func (d *demo) record(ctx context.Context) (err error) {
	d.cpu.start()
	d.recording, err = d.api.StartRecording(ctx, demoCall, client.StartOptions{OperationContext: "demo"})
	return err
}

func (d *demo) stop(ctx context.Context) error {
	err := d.api.StopRecording(ctx, demoCall, d.recording)
	d.cpu.stop()
	return err
}

// watch lets the call go on and says every two seconds how it goes.
func (d *demo) watch(ctx context.Context, span time.Duration) error {
	const every = 2 * time.Second
	for left := span; left > 0; left -= every {
		if err := sleep(ctx, min(left, every)); err != nil {
			return err
		}
		if left <= every || d.recording == "" {
			continue
		}
		r, err := d.api.Recording(ctx, d.recording)
		if err != nil {
			return err
		}
		d.say("  %s, %d in the call, %.1f s recorded", r.State, d.present(), float64(r.DurationMs)/1000)
	}
	return nil
}

func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, "%5.1f s  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// close ends the participants and the server.
func (d *demo) close() error {
	var errs []error
	for _, g := range d.people {
		errs = append(errs, g.leave())
	}
	if d.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), demoJoining)
		defer cancel()
		errs = append(errs, d.server.Close(ctx))
	}
	return errors.Join(errs...)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
