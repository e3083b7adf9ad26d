package control

import (
	"fmt"
	"net/http"
	"time"

	"github.com/callreel/callreel/control/page"
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

func describeConversation(c Call) conversationDetails {
	d := conversationDetails{
		ID:           c.ID,
		Participants: describeParticipants(c.Participants),
		Connections:  []connectionDetails{},
	}
	if c.Recording != "" {
		d.Recording = c.Recording
		d.State, _ = stateOf(c.State) // empty while it ends
	}
	for _, x := range c.Sessions {
		d.Connections = append(d.Connections, connectionDetails{
			Participant: x.Participant.ID, Role: x.Role.String(), State: x.State,
			Since: x.Since, Sections: x.Sections, Tracks: x.Tracks, Dropped: x.Dropped,
		})
	}
	return d
}

func (s *Server) listConversations(w http.ResponseWriter, _ *http.Request, c call) error {
	list := []conversationDetails{}
	for _, now := range s.host.Calls() {
		if c.sees(now.ID) {
			list = append(list, describeConversation(now))
		}
	}
	reply(w, http.StatusOK, conversationList{list})
	return nil
}

func (s *Server) showConversation(w http.ResponseWriter, _ *http.Request, c call) error {
	now, ok := s.host.Call(c.conversation)
	if !ok {
		return notFound("there is no such conversation now")
	}
	reply(w, http.StatusOK, describeConversation(now))
	return nil
}

// showCall is for the page.
func (s *Server) showCall(w http.ResponseWriter, _ *http.Request, c call) error {
	answer := page.State{Recording: page.None, Run: s.host.Run(c.conversation)}
	if now, ok := s.host.Call(c.conversation); ok {
		answer.Participants = len(now.Participants)
		if now.Recording != "" {
			if state, err := stateOf(now.State); err == nil {
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
