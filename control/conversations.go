package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control/page"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
)

// conversationDetails is a call as GET /conversations tells it.
type conversationDetails struct {
	ID           string               `json:"conversationId"`
	Participants []participantDetails `json:"participants"`
	Connections  []connectionDetails  `json:"connections"`
	Recording    string               `json:"recordingId,omitempty"`
	State        recordingState       `json:"recordingState,omitempty"`
}

type conversationList struct {
	Conversations []conversationDetails `json:"conversations"`
}

// connectionDetails is a session of WHIP.
type connectionDetails struct {
	Participant string     `json:"participantId"`
	Role        string     `json:"role"`
	State       whip.State `json:"state"`
	Since       time.Time  `json:"since"`
	Sections    int        `json:"mediaSections"`
	Tracks      int        `json:"tracks"` // those of which something came, simulcast layers each
	Dropped     uint64     `json:"droppedPackets"`
}

// sink finds the conversation that somebody publishes into: for WHIP.
func (s *Server) sink(_ context.Context, conversation string) (ingest.Sink, error) {
	id, err := canonicalID(conversation)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", whip.ErrNotFound, err)
	}
	conv, err := s.cfg.Engine.Conversation(id)
	if errors.Is(err, callreel.ErrClosed) {
		return nil, fmt.Errorf("%w: %w", whip.ErrUnavailable, err)
	}
	return conv, err
}

func (s *Server) describeConversation(conv *callreel.Conversation) conversationDetails {
	info := conv.Info()
	d := conversationDetails{
		ID:           info.ID,
		Participants: describeParticipants(info.Participants),
		Connections:  []connectionDetails{},
	}
	if info.Recording != nil {
		d.Recording = info.Recording.ID()
		d.State, _ = stateOf(info.Recording) // empty while it ends
	}
	for _, x := range s.whip.Sessions() {
		if id, err := canonicalID(x.Conversation); err == nil && id == info.ID {
			d.Connections = append(d.Connections, connectionDetails{
				Participant: x.Participant.ID, Role: x.Role.String(), State: x.State,
				Since: x.Since, Sections: x.Sections, Tracks: x.Tracks, Dropped: x.Dropped,
			})
		}
	}
	return d
}

func (s *Server) listConversations(w http.ResponseWriter, _ *http.Request, c call) error {
	list := []conversationDetails{}
	for _, conv := range s.cfg.Engine.Conversations() {
		if c.sees(conv.ID()) {
			list = append(list, s.describeConversation(conv))
		}
	}
	reply(w, http.StatusOK, conversationList{list})
	return nil
}

func (s *Server) showConversation(w http.ResponseWriter, _ *http.Request, c call) error {
	conv, ok := s.cfg.Engine.Lookup(c.conversation)
	if !ok {
		return notFound("there is no such conversation now")
	}
	reply(w, http.StatusOK, s.describeConversation(conv))
	return nil
}

// showCall is for the page.
func (s *Server) showCall(w http.ResponseWriter, _ *http.Request, c call) error {
	answer := page.State{Recording: page.None, Run: s.run}
	if conv, ok := s.cfg.Engine.Lookup(c.conversation); ok {
		info := conv.Info()
		answer.Participants = len(info.Participants)
		if info.Recording != nil {
			if state, err := stateOf(info.Recording); err == nil {
				answer.Recording = string(state)
			}
		}
	}
	reply(w, http.StatusOK, answer)
	return nil
}

// healthAnswer is the body of an answer of /healthz.
type healthAnswer struct {
	Status string `json:"status"`
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request, _ call) error {
	reply(w, http.StatusOK, healthAnswer{"ok"})
	return nil
}

func (s *Server) showIndex(w http.ResponseWriter, _ *http.Request, _ call) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := fmt.Fprintf(w, indexText, s.cfg.Version)
	return err
}

const indexText = `callreel %s

Join a call in this browser:   /call/{conversationId}
Publish with WHIP:             POST /whip/{conversationId}
Record:                        POST /conversations/{conversationId}/Recordings
See what is recorded:          GET /recordings
Download:                      GET /recording/download/{documentId}
All there is:                  GET /openapi.json
`
