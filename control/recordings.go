package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/events"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxResult    = 32 << 20 // bytes of a stored result
	// maxListed bounds the pauses, gaps and participants of a recording in a list; its
	// details have all.
	maxListed = 100
)

// current returns what is known of a recording at the moment.
func (s *Server) current(r record) recordingDetails {
	d := r.recordingDetails
	if rec, ok := s.host.Recording(r.ID); ok {
		d = s.running(rec)
	} else if !r.over() {
		d.State = callreel.Stopping.String() // its end is not noted yet
	}
	d.Context, d.Callback = r.Context, events.WithoutQuery(r.CallbackURL)
	s.locate(&d, r.Gone)
	return d
}

// running describes a recording that has not ended.
func (s *Server) running(rec Recording) recordingDetails {
	res := rec.Result()
	if len(res.Participants) == 0 {
		call, _ := s.host.Call(res.Conversation) // none if it is over already
		res.Participants = call.Participants
	}
	return describe(res)
}

// details returns all that is known of a recording, also what is only in the
// document that it left in the store.
func (s *Server) details(ctx context.Context, r record) recordingDetails {
	d := s.current(r)
	if r.Stored && r.State != stateDeleted {
		if res, err := s.stored(ctx, r.ID); err == nil {
			d.Pauses, d.Gaps, d.Participants = res.Pauses, res.Gaps, res.Participants
		} else {
			s.log.WarnContext(ctx, "the result of a recording can't be read", "recording", r.ID, "error", err)
		}
	}
	d.Timeline = timeline(d)
	return d
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
	return describe(res), nil
}

// visible finds the recording of a request that may see it.
func (s *Server) visible(c call) (record, error) {
	r, ok := s.index.get(c.recording)
	if !ok || !c.sees(r.Conversation) {
		return record{}, notFound("there is no such recording")
	}
	return r, nil
}

func (s *Server) showRecording(w http.ResponseWriter, r *http.Request, c call) error {
	s.feed.wait(r.Context())
	rec, err := s.visible(c)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, s.details(r.Context(), rec))
	return nil
}

// recordingList is a page of recordings.
type recordingList struct {
	Recordings []recordingDetails `json:"recordings"`
	Next       string             `json:"nextCursor,omitempty"` // none on the last page
}

// listRecordings lists recordings, the newest first.
func (s *Server) listRecordings(w http.ResponseWriter, r *http.Request, c call) error {
	f, err := newFilter(r.URL.Query())
	if err != nil {
		return err
	}
	s.feed.wait(r.Context())
	list := recordingList{Recordings: []recordingDetails{}}
	for _, rec := range s.index.all(f.before) {
		if !c.sees(rec.Conversation) || !f.window(rec) {
			continue
		}
		d := s.current(rec)
		if !f.state(d.State) {
			continue
		}
		if len(list.Recordings) == f.limit {
			last := list.Recordings[f.limit-1]
			list.Next = cursor(place{last.StartTime, last.ID})
			break
		}
		d.bound()
		list.Recordings = append(list.Recordings, d)
	}
	reply(w, http.StatusOK, list)
	return nil
}

// filter says which recordings are listed.
type filter struct {
	conversation string
	states       []string
	from, to     time.Time
	limit        int
	before       place
}

// window reports whether a recording is of the conversation and the time.
func (f filter) window(r record) bool {
	return (f.conversation == "" || f.conversation == r.Conversation) &&
		!r.StartTime.Before(f.from) && (f.to.IsZero() || r.StartTime.Before(f.to))
}

func (f filter) state(s string) bool { return len(f.states) == 0 || slices.Contains(f.states, s) }

// newFilter reads a query. What it should not have is an error.
func newFilter(q url.Values) (f filter, err error) {
	f.limit = defaultLimit
	for name, values := range q {
		value := values[len(values)-1]
		if value == "" {
			continue
		}
		switch name {
		case "conversation":
			if f.conversation, err = canonicalID(value); err != nil {
				err = invalid(name, "%v", err)
			}
		case "state":
			f.states, err = values, checkStates(values)
		case "from":
			f.from, err = parseTime(name, value)
		case "to":
			f.to, err = parseTime(name, value)
		case "limit":
			f.limit, err = parseLimit(value)
		case "cursor":
			f.before, err = parseCursor(value)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func checkStates(states []string) error {
	known := []string{stateDeleted}
	for state := callreel.Starting; state <= callreel.Failed; state++ {
		known = append(known, state.String())
	}
	for _, state := range states {
		if !slices.Contains(known, state) {
			return invalid("state", "it must be one of %s", strings.Join(known, ", "))
		}
	}
	return nil
}

func parseTime(name, value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return t, invalid(name, "it must be a time such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

func parseLimit(value string) (int, error) {
	limit, err := strconv.Atoi(value)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, invalid("limit", "it must be 1 to %d", maxLimit)
	}
	return limit, nil
}

// cursor names the last recording of a page.
func cursor(p place) string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.start.UTC().Format(time.RFC3339Nano) + " " + p.id))
}

func parseCursor(value string) (place, error) {
	b, err := base64.RawURLEncoding.DecodeString(value)
	start, id, ok := strings.Cut(string(b), " ")
	p := place{id: id}
	if err == nil {
		p.start, err = time.Parse(time.RFC3339Nano, start)
	}
	if err != nil || !ok {
		return place{}, invalid("cursor", "it is not one that a list has ended with")
	}
	return p, nil
}
