package control

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/events"
)

// Observe takes in what the engine tells: give it to its configuration as
// OnEvent. It does not block.
func (s *Server) Observe(e callreel.Event) { s.feed.add(e) }

// deal notes something that happened, and tells those who want to know.
func (s *Server) deal(ctx context.Context, e callreel.Event) {
	var do func(context.Context) error
	switch e.Type {
	case callreel.CallStarted, callreel.CallEnded, callreel.ParticipantJoined, callreel.ParticipantLeft:
		do = func(ctx context.Context) error { return s.calls.deal(ctx, e) }
	case callreel.StateChanged:
		do = func(ctx context.Context) error { return s.stateChanged(ctx, e) }
	case callreel.Ended:
		do = func(ctx context.Context) error { return s.noteEnd(ctx, *e.Result, e.Time) }
	case callreel.Delivered:
		do = func(ctx context.Context) error { return s.delivered(ctx, *e.Result, e.Time) }
	default:
		return
	}
	s.persist(ctx, string(e.Type)+" "+cmp.Or(e.Recording, e.Conversation), do)
}

// known makes sure that a recording has a record, also one that the API did not
// start.
func (s *Server) known(ctx context.Context, id string) error {
	s.starting <- struct{}{} // a start has made its record once this is free
	defer func() { <-s.starting }()
	if _, ok := s.index.get(id); ok {
		return nil
	}
	rec, ok := s.host.Recording(id)
	if !ok {
		return nil // it has ended: see noteEnd
	}
	return s.index.add(ctx, s.newRecord(rec))
}

// stateChanged notes the state of a recording and calls back whoever started it.
func (s *Server) stateChanged(ctx context.Context, e callreel.Event) error {
	if err := s.known(ctx, e.Recording); err != nil {
		return err
	}
	if _, ok := s.index.get(e.Recording); !ok {
		return nil
	}
	err := s.index.change(ctx, e.Recording, func(r *record) {
		if !r.over() {
			r.State = e.State.String()
		}
	})
	if err != nil {
		return err
	}
	return s.callBack(ctx, e.Recording, toldState(e.State), e.Time)
}

// toldState is the state as clients know it. One that has ended is inactive.
func toldState(state callreel.State) recordingState {
	if state == callreel.Starting || state == callreel.Active {
		return stateActive
	}
	return stateInactive
}

// callBack tells whoever started a recording of its state, if it is another one
// than they were told.
func (s *Server) callBack(ctx context.Context, id string, state recordingState, at time.Time) error {
	r, ok := s.index.get(id)
	if !ok || r.CallbackURL == "" || r.Told == state {
		return nil
	}
	e, err := events.NewRecordingState(events.RecordingState{
		RecordingID: id, State: string(state), CallConnectionID: r.ConnectionID, ServerCallID: r.CallID,
		CorrelationID: cmp.Or(r.CorrelatesTo, id), RecordingKind: recordingKind,
	}, r.StartTime, at, r.Tellings+1)
	if err != nil {
		return err
	}
	if err := s.events.Callback(ctx, r.CallbackURL, e); err != nil {
		return err
	}
	return s.index.change(ctx, id, func(r *record) { r.Told, r.Tellings = state, r.Tellings+1 })
}

// noteEnd notes what a recording came to.
func (s *Server) noteEnd(ctx context.Context, res callreel.Result, at time.Time) error {
	d := describe(res)
	d.bound()
	d.EndTime = at
	if _, ok := s.index.get(res.ID); !ok {
		if err := s.index.add(ctx, record{recordingDetails: d, CallID: callIDOf(res.Conversation)}); err != nil {
			return err
		}
	}
	err := s.index.change(ctx, res.ID, func(r *record) {
		if !r.over() {
			d.Context = r.Context
			r.recordingDetails = d
		}
	})
	if err != nil {
		return err
	}
	return s.callBackEnd(ctx, res.ID, at)
}

// callBackEnd tells whoever started a recording that it has ended, and before that
// that it began, if a crash came first.
func (s *Server) callBackEnd(ctx context.Context, id string, at time.Time) error {
	r, _ := s.index.get(id)
	paused := len(r.Pauses) > 0 && !r.Pauses[0].StartTime.After(r.StartTime) // from the start
	if r.Told == "" && !paused {
		if err := s.callBack(ctx, id, stateActive, r.StartTime); err != nil {
			return err
		}
	}
	return s.callBack(ctx, id, stateInactive, at)
}

// delivered announces a recording whose files are all in the store.
func (s *Server) delivered(ctx context.Context, res callreel.Result, at time.Time) error {
	if err := s.noteEnd(ctx, res, at); err != nil {
		return err
	}
	if err := s.index.change(ctx, res.ID, func(r *record) { r.Stored = true }); err != nil {
		return err
	}
	return s.announce(ctx, res.ID)
}

// announce publishes the event that clients wait for to fetch the files. A
// recording without files, as one that was paused all the time, has none.
func (s *Server) announce(ctx context.Context, id string) error {
	r, ok := s.index.get(id)
	if !ok || !r.Stored || r.Announced || r.State == stateDeleted {
		return nil
	}
	if len(r.Chunks) > 0 {
		e, err := s.fileEvent(r)
		if err != nil {
			return err
		}
		if err := s.events.Publish(ctx, e); err != nil {
			return err
		}
	}
	return s.index.change(ctx, id, func(r *record) { r.Announced = true })
}

func (s *Server) fileEvent(r record) (events.Event, error) {
	data := events.RecordingFile{
		Storage:   events.StorageInfo{Chunks: []events.Chunk{}},
		StartTime: events.FormatTime(r.StartTime), DurationMs: r.DurationMs,
		ContentType: "AudioVideo", ChannelType: "Mixed", FormatType: "Mp4",
		SessionEndReason: string(r.EndReason), RecordingID: r.ID,
	}
	for _, c := range r.Chunks {
		content, metadata, del := s.contentURLs(c.DocumentID)
		data.Storage.Chunks = append(data.Storage.Chunks, events.Chunk{
			DocumentID: c.DocumentID, Index: c.Index, EndReason: c.EndReason,
			MetadataLocation: metadata, ContentLocation: content, DeleteLocation: del,
		})
	}
	subject := events.FileSubject(cmp.Or(r.CorrelatesTo, r.CallID), r.CallID, r.ID)
	e, err := events.New(events.RecordingFileStatusUpdated, subject, time.Now(), r.ID, data)
	if err != nil {
		return e, fmt.Errorf("control: %w", err)
	}
	return e, nil
}
