package control

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/events"
)

const (
	// DefaultRetention is how long files are kept after a recording has ended.
	DefaultRetention = 48 * time.Hour

	sweepInterval = time.Minute
	// tombstones is for how long it is known that a recording was deleted.
	tombstones = 30 * 24 * time.Hour
)

// Why a recording was deleted.
const (
	deletedExpired   = "RetentionExpired"
	deletedRequested = "Requested"
)

// records reports whether a recording of a conversation runs.
func (s *Server) records(conversation string) bool {
	return slices.ContainsFunc(s.index.all(place{}), func(r record) bool { return r.Conversation == conversation && !r.over() })
}

// sweepAll sweeps now and then, until ctx ends.
func (s *Server) sweepAll(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		s.sweep(ctx, time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep deletes what has been kept for long enough, announces what could not be
// announced, and ends calls that a crash has interrupted. An error is logged, and
// the rest done.
func (s *Server) sweep(ctx context.Context, now time.Time) {
	for _, r := range s.index.all(place{}) {
		if ctx.Err() != nil {
			return
		}
		var err error
		switch age := now.Sub(r.EndTime); {
		case s.unsettled[r.ID]:
			delete(s.unsettled, r.ID)
			err = s.settle(ctx, r, now)
		case !r.over():
		case r.State == stateDeleted && age > tombstones:
			err = s.index.forget(ctx, r.ID)
		case r.State == stateDeleted || !r.Stored:
		case s.cfg.Retention > 0 && age >= s.cfg.Retention:
			err = s.remove(ctx, r, deletedExpired)
		default:
			err = s.announce(ctx, r.ID)
		}
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "sweep", "recording", r.ID, "error", err)
		}
	}
	if err := s.calls.expire(ctx, now, s.records); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "sweep", "error", err)
	}
}

// remove deletes all that there is of a recording and says so in an event. It
// may be repeated.
func (s *Server) remove(ctx context.Context, r record, reason string) error {
	if err := s.cfg.Store.Delete(ctx, r.ID); err != nil {
		return err
	}
	e, err := events.New(events.RecordingDeleted, events.FileSubject(r.CallID, r.CallID, r.ID), time.Now(), r.ID,
		events.Deleted{RecordingID: r.ID, Reason: reason})
	if err != nil {
		return err
	}
	if err := s.events.Publish(ctx, e); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "deleted", "recording", r.ID, "reason", reason)
	return s.index.change(ctx, r.ID, func(r *record) {
		r.State, r.Chunks, r.Participants, r.CallbackURL = stateDeleted, []chunkDetails{}, []participantDetails{}, ""
	})
}

// deleteRecording deletes all of a recording that has ended.
func (s *Server) deleteRecording(w http.ResponseWriter, r *http.Request, c call) error {
	rec, err := s.visible(c)
	switch {
	case err != nil:
		return err
	case rec.State == stateDeleted:
		return notFound("the recording is deleted")
	case !rec.over():
		return &callreel.StateError{Operation: "delete", State: callreel.Active}
	case !rec.Stored:
		return &problem{status: http.StatusConflict, code: codeState, message: "the files of the recording are still on their way to the store"}
	}
	if err := s.remove(context.WithoutCancel(r.Context()), rec, deletedRequested); err != nil {
		return err
	}
	reply(w, http.StatusOK, struct{}{})
	return nil
}

// deleteDocument deletes a chunk and its metadata; with the last chunk goes all
// of the recording. Clients take no other status for success than 200.
func (s *Server) deleteDocument(w http.ResponseWriter, r *http.Request, c call) error {
	rec, chunk, err := s.document(c)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	media := callreel.MediaKey(rec.ID, chunk)
	obj, err := s.cfg.Store.Open(ctx, media)
	if err != nil {
		return err
	}
	if err := obj.Close(); err != nil {
		return err
	}
	// The media goes last, so that a deletion that failed can be repeated.
	for _, key := range []string{callreel.MetadataKey(rec.ID, chunk), media} {
		if err := s.cfg.Store.Delete(ctx, key); err != nil {
			return err
		}
	}
	if err := s.noteDeleted(ctx, rec, chunk); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "deleted", "document", c.document)
	reply(w, http.StatusOK, struct{}{})
	return nil
}

// noteDeleted notes that a chunk is gone.
func (s *Server) noteDeleted(ctx context.Context, rec record, chunk int) error {
	if rec.Version == 0 {
		return nil // it is not in the index
	}
	err := s.index.change(ctx, rec.ID, func(r *record) {
		r.Gone = append(slices.Clone(r.Gone), chunk)
		rec = *r
	})
	if err == nil && rec.over() && rec.empty() {
		err = s.remove(ctx, rec, deletedRequested)
	}
	return err
}

// document finds the chunk of a request, of a recording that it may see. The
// store may have one that the index does not know, which is for those who may
// see everything.
func (s *Server) document(c call) (rec record, chunk int, err error) {
	id, chunk, err := parseDocument(c.document)
	if err != nil {
		return record{}, 0, err
	}
	rec, known := s.index.get(id)
	switch {
	case !known && c.claims.Conversation == "":
		return record{recordingDetails: recordingDetails{ID: id}}, chunk, nil
	case !known, !c.sees(rec.Conversation), rec.State == stateDeleted, slices.Contains(rec.Gone, chunk):
		return record{}, 0, errNoDocument
	}
	return rec, chunk, nil
}

// empty reports whether all files of the recording were deleted.
func (r *record) empty() bool {
	return !slices.ContainsFunc(r.Chunks, func(c chunkDetails) bool { return !slices.Contains(r.Gone, c.Index) })
}

var errNoDocument = notFound("there is no such document")

// recordingOf takes apart the key of a recording's result.
func recordingOf(key string) (id string, ok bool) {
	id, _, _ = strings.Cut(key, "/")
	return id, key == callreel.ResultKey(id)
}
