package replay

import (
	"errors"
	"maps"
	"slices"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/fault"
)

// stay is one stay of a participant in the call.
type stay struct {
	participant ingest.Participant
	leave       func()
	layers      map[uint16]ingest.Writer
}

// join lets a participant join the sink.
func (s *Source) join(to ingest.Sink, e capture.Event) error {
	if err := s.leave(e.Flow.Stay); err != nil { // of a stay whose end was lost
		return err
	}
	p := ingest.Participant{ID: e.Participant, Name: e.Name}
	leave, err := to.Join(p)
	if err != nil {
		return fault.Source.Wrap(err)
	}
	s.stays[e.Flow.Stay] = &stay{participant: p, leave: leave, layers: make(map[uint16]ingest.Writer)}
	return nil
}

// rename tells the sink another name by joining with it for a moment.
func rename(to ingest.Sink, e capture.Event) error {
	leave, err := to.Join(ingest.Participant{ID: e.Participant, Name: e.Name})
	if err != nil {
		return fault.Source.Wrap(err)
	}
	leave()
	return nil
}

// leave ends a stay with the tracks that are left of it.
func (s *Source) leave(number uint32) error {
	st := s.stays[number]
	if st == nil {
		return nil
	}
	delete(s.stays, number)
	var errs []error
	for _, n := range slices.Sorted(maps.Keys(st.layers)) {
		errs = append(errs, st.layers[n].Close())
	}
	st.leave()
	return errors.Join(errs...)
}

// add announces a track or a layer of one to the sink.
func (s *Source) add(to ingest.Sink, e capture.Event) error {
	st := s.stays[e.Flow.Stay]
	if st == nil { // its join was lost
		s.condition.Damaged++
		return nil
	}
	if err := s.remove(e.Flow); err != nil {
		return err
	}
	w, err := to.AddTrack(e.Track.Info(ingest.Participant{ID: st.participant.ID}))
	if err != nil {
		return fault.Source.Wrap(err)
	}
	st.layers[e.Flow.Layer] = w
	return nil
}

// remove ends a track or a layer of one.
func (s *Source) remove(f capture.Flow) error {
	w := s.layer(f)
	if w == nil {
		return nil
	}
	delete(s.stays[f.Stay].layers, f.Layer)
	return w.Close()
}

// layer returns the writer of a flow, nil if there is none.
func (s *Source) layer(f capture.Flow) ingest.Writer {
	if st := s.stays[f.Stay]; st != nil {
		return st.layers[f.Layer]
	}
	return nil
}

// write hands packets over as if they had just arrived.
func (s *Source) write(rec capture.Record) error {
	w := s.layer(rec.Flow)
	if w == nil {
		s.condition.Damaged++
		return nil
	}
	var err error
	if rec.RTP != nil {
		err = w.WriteRTP(rec.RTP, rec.Time)
	} else {
		err = w.WriteRTCP(rec.RTCP, rec.Time)
	}
	if errors.Is(err, ingest.ErrClosed) { // the track was replaced
		return nil
	}
	return err
}
