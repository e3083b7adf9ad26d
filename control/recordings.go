package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/storage"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxResult    = 32 << 20 // bytes of a stored result
)

// recordingDetails is a recording as GET /recordings tells it.
type recordingDetails struct {
	ID           string               `json:"recordingId"`
	Conversation string               `json:"conversationId"`
	State        string               `json:"state"` // callreel.State as text
	StartTime    time.Time            `json:"startTime"`
	DurationMs   int64                `json:"durationMs"` // without pauses
	EndReason    callreel.EndReason   `json:"endReason,omitempty"`
	Verdict      callreel.Verdict     `json:"verdict,omitempty"` // of the report
	Context      string               `json:"operationContext,omitempty"`
	Callback     string               `json:"recordingStateCallbackUri,omitempty"` // without its query
	Chunks       []chunkDetails       `json:"chunks"`
	Pauses       []pauseDetails       `json:"pauses"`
	Participants []participantDetails `json:"participants"`
}

type chunkDetails struct {
	DocumentID string    `json:"documentId"`
	Index      int       `json:"index"`
	StartTime  time.Time `json:"startTime"`
	DurationMs int64     `json:"durationMs"`
	Bytes      int64     `json:"bytes"`
	EndReason  string    `json:"endReason"`

	ContentLocation  string `json:"contentLocation"`
	MetadataLocation string `json:"metadataLocation"`
	DeleteLocation   string `json:"deleteLocation"`
}

type pauseDetails struct {
	StartTime  time.Time `json:"startTime"`
	DurationMs int64     `json:"durationMs"`
}

type participantDetails struct {
	ID     string    `json:"participantId"`
	Name   string    `json:"displayName,omitempty"`
	Joined time.Time `json:"joined"`
	Left   time.Time `json:"left,omitzero"`
}

// describe puts a result into the words of the API.
func (s *Server) describe(res callreel.Result) recordingDetails {
	d := recordingDetails{
		ID: res.ID, Conversation: res.Conversation, State: res.State.String(),
		StartTime: res.StartTime, DurationMs: res.Duration.Milliseconds(), EndReason: res.EndReason, Verdict: res.Verdict,
		Chunks:       []chunkDetails{},
		Pauses:       []pauseDetails{},
		Participants: describeParticipants(res.Participants),
	}
	for _, c := range res.Chunks {
		content, metadata, del := s.contentURLs(c.DocumentID)
		d.Chunks = append(d.Chunks, chunkDetails{
			DocumentID: c.DocumentID, Index: c.Index, StartTime: c.StartTime,
			DurationMs: c.Duration.Milliseconds(), Bytes: c.Bytes, EndReason: c.EndReason,
			ContentLocation: content, MetadataLocation: metadata, DeleteLocation: del,
		})
	}
	for _, p := range res.Pauses {
		d.Pauses = append(d.Pauses, pauseDetails{p.Start, p.Duration.Milliseconds()})
	}
	return d
}

func describeParticipants(all []callreel.ParticipantInfo) []participantDetails {
	out := []participantDetails{}
	for _, p := range all {
		out = append(out, participantDetails(p))
	}
	return out
}

// details finds a recording, running or stored.
func (s *Server) details(ctx context.Context, id string) (recordingDetails, error) {
	if rec, ok := s.cfg.Engine.Recording(id); ok {
		return s.running(rec), nil
	}
	if !isRecordingID(id) {
		return recordingDetails{}, notFound("there is no such recording")
	}
	return s.stored(ctx, id)
}

// running describes a recording that has not ended.
func (s *Server) running(rec *callreel.Recording) recordingDetails {
	res := rec.Result()
	res.ID, res.Conversation, res.StartTime = rec.ID(), rec.Conversation().ID(), rec.StartTime()
	if len(res.Participants) == 0 {
		res.Participants = rec.Conversation().Info().Participants
	}
	d := s.describe(res)
	s.mu.Lock()
	from := s.origins[rec.ID()]
	s.mu.Unlock()
	d.Context, d.Callback = from.operationContext, withoutQuery(from.callback)
	return d
}

// withoutQuery leaves out what may be secret in a URL.
func withoutQuery(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// stored describes a recording by the result that it left in the store.
func (s *Server) stored(ctx context.Context, id string) (d recordingDetails, err error) {
	obj, err := s.cfg.Store.Open(ctx, callreel.ResultKey(id))
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	var res callreel.Result
	if err := json.NewDecoder(io.LimitReader(obj, maxResult)).Decode(&res); err != nil {
		return d, fmt.Errorf("control: result of recording %s: %w", id, err)
	}
	res.State = callreel.Completed
	if res.EndReason == callreel.EndError {
		res.State = callreel.Failed
	}
	return s.describe(res), nil
}

// visible finds the recording of a request that may see it.
func (s *Server) visible(ctx context.Context, c call) (recordingDetails, error) {
	d, err := s.details(ctx, c.recording)
	if errors.Is(err, storage.ErrNotExist) || err == nil && !c.sees(d.Conversation) {
		return d, notFound("there is no such recording")
	}
	return d, err
}

func (s *Server) showRecording(w http.ResponseWriter, r *http.Request, c call) error {
	d, err := s.visible(r.Context(), c)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, d)
	return nil
}

// listRecordings lists recordings, those that run first, then the newest.
func (s *Server) listRecordings(w http.ResponseWriter, r *http.Request, c call) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	list := []recordingDetails{}
	for d, err := range s.allRecordings(r.Context()) {
		if err != nil {
			return err
		}
		if c.sees(d.Conversation) {
			list = append(list, d)
		}
		if len(list) == limit {
			break
		}
	}
	reply(w, http.StatusOK, struct {
		Recordings []recordingDetails `json:"recordings"`
	}{list})
	return nil
}

// allRecordings yields those that run, then those that are stored, each the
// newest first. An error ends it.
func (s *Server) allRecordings(ctx context.Context) iter.Seq2[recordingDetails, error] {
	return func(yield func(recordingDetails, error) bool) {
		told := make(map[string]bool)
		for _, rec := range slices.Backward(s.cfg.Engine.Recordings()) {
			told[rec.ID()] = true
			if !yield(s.running(rec), nil) {
				return
			}
		}
		ids, err := s.storedIDs(ctx)
		if err != nil {
			yield(recordingDetails{}, err)
			return
		}
		for _, id := range ids {
			if told[id] {
				continue
			}
			d, err := s.stored(ctx, id)
			if errors.Is(err, storage.ErrNotExist) {
				continue // deleted since
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

func limitOf(r *http.Request) (int, error) {
	raw := r.URL.Query().Get("limit")
	if raw == "" {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(raw)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, invalid("limit", "it must be 1 to %d", maxLimit)
	}
	return limit, nil
}

// storedIDs returns the recordings that have a result in the store, the newest first.
func (s *Server) storedIDs(ctx context.Context) ([]string, error) {
	var results []storage.Info
	for info, err := range s.cfg.Store.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		if id, _, _ := strings.Cut(info.Key, "/"); info.Key == callreel.ResultKey(id) {
			results = append(results, info)
		}
	}
	slices.SortFunc(results, func(a, b storage.Info) int {
		return cmp.Or(b.ModTime.Compare(a.ModTime), strings.Compare(b.Key, a.Key))
	})
	ids := make([]string, len(results))
	for i, info := range results {
		ids[i], _, _ = strings.Cut(info.Key, "/")
	}
	return ids, nil
}
