package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/fault"
)

var began = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }

// script is a capture in the making.
type script struct {
	data []byte
	err  error
	ms   int // each thing is a millisecond after the one before
}

func newScript() *script {
	s := &script{data: capture.AppendHeader(nil)}
	return s.event(capture.Event{Type: capture.Recording, Version: capture.Version, Clock: at(-1000), Settings: []byte("{}")})
}

func (s *script) add(what func(dst []byte, t time.Time) ([]byte, error)) *script {
	if s.err == nil {
		s.data, s.err = what(s.data, at(s.ms))
	}
	s.ms++
	return s
}

func (s *script) event(e capture.Event) *script {
	return s.add(func(dst []byte, t time.Time) ([]byte, error) {
		if e.At.IsZero() {
			e.At = t
		}
		return capture.AppendEvent(dst, t, e)
	})
}

func (s *script) join(stay uint32, id string) *script {
	return s.event(capture.Event{Type: capture.Join, Flow: capture.Flow{Stay: stay}, Participant: id, Name: strings.ToUpper(id)})
}

func (s *script) track(f capture.Flow, mime string) *script {
	return s.event(capture.Event{Type: capture.Added, Flow: f, Track: &capture.Track{MimeType: mime, KeyFrames: true}})
}

func (s *script) rtp(f capture.Flow, n uint16) *script {
	return s.add(func(dst []byte, t time.Time) ([]byte, error) {
		return capture.AppendRTP(dst, t, f, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: n}, Payload: []byte{1}})
	})
}

func (s *script) rtcp(f capture.Flow) *script {
	return s.add(func(dst []byte, t time.Time) ([]byte, error) {
		return capture.AppendRTCP(dst, t, f, &rtcp.SenderReport{SSRC: 1})
	})
}

// stage is a sink that notes what it is given.
type stage struct{ notes []string }

func (s *stage) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (s *stage) Join(p ingest.Participant) (func(), error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	s.note("join %s %s", p.ID, p.Name)
	return func() { s.note("leave %s", p.ID) }, nil
}

func (s *stage) AddTrack(t ingest.TrackInfo) (ingest.Writer, error) {
	if err := t.Normalise(); err != nil {
		return nil, err
	}
	s.note("track %s %s %v", t.Participant.ID, t.ID, t.RequestKeyFrame != nil)
	return &writer{s, t.ID}, nil
}

type writer struct {
	stage *stage
	id    string
}

func (w *writer) WriteRTP(p *rtp.Packet, arrival time.Time) error {
	w.stage.note("rtp %s %d at %v", w.id, p.SequenceNumber, arrival.Sub(began))
	return ingest.ErrClosed // as of a track that was replaced
}

func (w *writer) WriteRTCP(_ []rtcp.Packet, arrival time.Time) error {
	w.stage.note("rtcp %s at %v", w.id, arrival.Sub(began))
	return nil
}

func (w *writer) Close() error {
	w.stage.note("close %s", w.id)
	return nil
}

// perform does all that is in a capture to a stage.
func perform(data []byte) (notes []string, src *replay.Source, err error) {
	if src, err = replay.Open(bytes.NewReader(data)); err != nil {
		return nil, nil, err
	}
	s := new(stage)
	for {
		step, err := src.Next()
		if errors.Is(err, io.EOF) {
			return s.notes, src, nil
		}
		if err != nil {
			return s.notes, src, err
		}
		if step.Apply == nil {
			s.note("command %d %s", step.Command, step.Reason)
		} else if err := step.Apply(s); err != nil {
			return s.notes, src, err
		}
	}
}

func TestEverythingIsDoneAgain(t *testing.T) {
	sound, picture := capture.Flow{Stay: 1}, capture.Flow{Stay: 1, Layer: 1}
	s := newScript().join(1, "ann").track(sound, "audio/opus").track(picture, "video/VP8").
		rtp(sound, 7).rtp(picture, 8).rtcp(sound).
		event(capture.Event{Type: capture.Rename, Flow: sound, Participant: "ann", Name: "Anna"}).
		event(capture.Event{Type: capture.Pause}).event(capture.Event{Type: capture.Resume}).
		event(capture.Event{Type: capture.Lost, Packets: 3}).
		rtp(capture.Flow{Stay: 9}, 1). // of nobody
		event(capture.Event{Type: capture.Closed, Flow: picture}).
		event(capture.Event{Type: capture.Leave, Flow: capture.Flow{Stay: 1}}). // with a track that is still open
		event(capture.Event{Type: capture.Stop, Reason: "CallEnded"})
	if s.err != nil {
		t.Fatal(s.err)
	}
	got, src, err := perform(s.data)
	want := []string{
		"join ann ANN", "track ann camera/audio true", "track ann camera/video true",
		"rtp camera/audio 7 at 4ms", "rtp camera/video 8 at 5ms", "rtcp camera/audio at 6ms",
		"join ann Anna", "leave ann", "command 1 ", "command 2 ",
		"close camera/video", "close camera/audio", "leave ann", "command 3 CallEnded",
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
	}
	if c := src.Condition(); c != (replay.Condition{Lost: 3, Damaged: 1}) {
		t.Errorf("%+v", c)
	}
	if r := src.Recorded(); !r.Start.Equal(began) || !r.Clock.Equal(at(-1000)) || string(r.Settings) != "{}" {
		t.Errorf("%+v", r)
	}
}

func TestCaptureWithoutAnEnd(t *testing.T) {
	whole := newScript().join(1, "ann").data
	for name, data := range map[string][]byte{"no stop": whole, "cut": append(bytes.Clone(whole), whole[:50]...)} {
		notes, src, err := perform(data)
		if err != nil || len(notes) != 1 || !src.Condition().Cut {
			t.Errorf("%s: %q, %v", name, notes, err)
		}
	}
}

func TestBadCaptures(t *testing.T) {
	flow := capture.Flow{Stay: 1}
	for name, c := range map[string]struct {
		data  []byte
		want  error
		fault fault.Kind
	}{
		"empty":            {nil, replay.ErrFormat, fault.Caller},
		"only a header":    {capture.AppendHeader(nil), replay.ErrFormat, fault.Caller},
		"no recording":     {(&script{data: capture.AppendHeader(nil)}).join(1, "ann").data, replay.ErrFormat, fault.Caller},
		"two recordings":   {append(newScript().data, newScript().data...), replay.ErrMalformed, fault.Source},
		"later version":    {(&script{data: capture.AppendHeader(nil)}).event(capture.Event{Type: capture.Recording, Version: 2}).data, replay.ErrNewer, fault.Caller},
		"nobody":           {newScript().join(1, "").data, ingest.ErrInvalid, fault.Source},
		"unknown codec":    {newScript().join(1, "ann").track(flow, "video/x").data, ingest.ErrUnknownCodec, fault.Source},
		"a control symbol": {newScript().join(1, "a\n").data, ingest.ErrInvalid, fault.Source},
	} {
		if _, _, err := perform(c.data); !errors.Is(err, c.want) || fault.Of(err) != c.fault {
			t.Errorf("%s: %v (%v), want %v", name, err, fault.Of(err), c.want)
		}
	}
}

func FuzzSource(f *testing.F) {
	flow := capture.Flow{Stay: 1}
	f.Add(newScript().join(1, "ann").track(flow, "audio/opus").rtp(flow, 1).rtcp(flow).data)
	f.Add(newScript().event(capture.Event{Type: capture.Pause}).data)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, err := perform(data)
		if err != nil && fault.Of(err) != fault.Caller && fault.Of(err) != fault.Source {
			t.Errorf("nobody is to blame for %v", err)
		}
	})
}
