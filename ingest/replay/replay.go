// Package replay is the source whose media was captured: it reads what a
// recording kept with callreel serve --capture, and does it to a sink again,
// step by step. Time is the user's affair: the package has no clock and no
// goroutine, and waits for nothing.
package replay

import (
	"errors"
	"fmt"
	"io"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/capture"
)

// Errors of reading a capture. One that is none of them is that of the reader.
var (
	ErrFormat    = capture.ErrFormat    // not a capture
	ErrNewer     = capture.ErrNewer     // made by a later version
	ErrMalformed = capture.ErrMalformed // breaks the rules of its format
)

// Source is a captured call. It is for one goroutine, and one sink, at a time.
type Source struct {
	reader    *capture.Reader
	recorded  ingest.Recorded
	stays     map[uint32]*stay
	condition Condition
	stopped   bool
}

// Condition says what a capture lacks.
type Condition struct {
	// Cut: the file, or the recording in it, has no end. What is there is whole.
	Cut bool
	// Lost is how many packets the recorder could not write.
	Lost uint64
	// Damaged is how many packets could not be read, or belong to no track.
	Damaged uint64
}

// Open reads the beginning of a capture. The error is [ErrFormat], [ErrNewer],
// [ErrMalformed] or that of r.
func Open(r io.Reader) (*Source, error) {
	reader := capture.NewReader(r)
	first, err := reader.Next()
	if errors.Is(err, io.EOF) {
		return nil, ErrFormat
	}
	if err != nil {
		return nil, err
	}
	e := first.Event
	if e == nil || e.Type != capture.Recording {
		return nil, fmt.Errorf("%w: it does not begin with a recording", ErrFormat)
	}
	return &Source{
		reader:   reader,
		recorded: ingest.Recorded{Clock: e.Clock, Start: e.At, Settings: e.Settings},
		stays:    make(map[uint32]*stay),
	}, nil
}

// Recorded returns what the capture says of its recording.
func (s *Source) Recorded() ingest.Recorded { return s.recorded }

// Condition returns what is known to be missing, up to the last step.
func (s *Source) Condition() Condition {
	c := s.condition
	c.Damaged += s.reader.Damaged()
	return c
}

// Next returns the next step, and io.EOF after the last one, also of a capture
// that is cut off. The error is [ErrMalformed] or that of the reader.
func (s *Source) Next() (ingest.Step, error) {
	for {
		rec, err := s.reader.Next()
		if errors.Is(err, io.EOF) {
			s.condition.Cut = s.reader.Cut() || !s.stopped
			return ingest.Step{}, io.EOF
		}
		if err != nil {
			return ingest.Step{}, err
		}
		step := ingest.Step{Time: rec.Time, At: rec.Time}
		if rec.Event == nil {
			step.Apply = func(ingest.Sink) error { return s.write(rec) }
			return step, nil
		}
		if err := s.event(&step, *rec.Event); err != nil {
			return ingest.Step{}, err
		}
		if step.Apply != nil || step.Command != ingest.NoCommand {
			return step, nil
		}
	}
}

// event makes a step of an event, if it is one that can be done again.
func (s *Source) event(step *ingest.Step, e capture.Event) error {
	step.At, step.Reason = e.At, e.Reason
	switch e.Type {
	case capture.Join:
		step.Apply = func(to ingest.Sink) error { return s.join(to, e) }
	case capture.Rename:
		step.Apply = func(to ingest.Sink) error { return rename(to, e) }
	case capture.Leave:
		step.Apply = func(ingest.Sink) error { return s.leave(e.Flow.Stay) }
	case capture.Added:
		step.Apply = func(to ingest.Sink) error { return s.add(to, e) }
	case capture.Closed:
		step.Apply = func(ingest.Sink) error { return s.remove(e.Flow) }
	case capture.Pause:
		step.Command = ingest.PauseRecording
	case capture.Resume:
		step.Command = ingest.ResumeRecording
	case capture.Stop:
		step.Command, s.stopped = ingest.StopRecording, true
	case capture.Lost:
		s.condition.Lost += e.Packets
	case capture.Recording:
		return fmt.Errorf("%w: a second recording", ErrMalformed)
	}
	return nil
}
