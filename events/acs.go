package events

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The types of events, those of Azure Communication Services where it has one.
const (
	RecordingFileStatusUpdated = "Microsoft.Communication.RecordingFileStatusUpdated"
	RecordingStateChanged      = "Microsoft.Communication.RecordingStateChanged" // to callbacks only
	CallStarted                = "Microsoft.Communication.CallStarted"
	CallEnded                  = "Microsoft.Communication.CallEnded"
	CallParticipantAdded       = "Microsoft.Communication.CallParticipantAdded"
	CallParticipantRemoved     = "Microsoft.Communication.CallParticipantRemoved"
	CallLegStateChanged        = "Microsoft.Communication.CallLegStateChanged" // of April 2021
	RecordingDeleted           = "Callreel.RecordingDeleted"
)

// New makes an event of its data, which is one of the types below. Its id
// follows from its type and what it is of, so that the same event made again,
// as after a crash, is the same.
func New(eventType, subject string, at time.Time, of string, data any) (Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("events: data of %s: %w", eventType, err)
	}
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(eventType+"\n"+of))
	return Event{ID: id.String(), Type: eventType, Subject: subject, Time: at, Data: b}, nil
}

// FormatTime writes a time as the data of events has it: ISO 8601 in UTC with
// seven decimals.
func FormatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// RecordingFile is the data of RecordingFileStatusUpdated: the files of a
// recording are there to be fetched.
type RecordingFile struct {
	Storage          StorageInfo `json:"recordingStorageInfo"`
	StartTime        string      `json:"recordingStartTime"`
	DurationMs       int64       `json:"recordingDurationMs"`
	ContentType      string      `json:"recordingContentType"` // AudioVideo
	ChannelType      string      `json:"recordingChannelType"` // Mixed
	FormatType       string      `json:"recordingFormatType"`  // Mp4
	SessionEndReason string      `json:"sessionEndReason"`
	RecordingID      string      `json:"recordingId"`
}

// StorageInfo lists the files of a recording.
type StorageInfo struct {
	Chunks []Chunk `json:"recordingChunks"`
}

// Chunk is a file of a recording.
type Chunk struct {
	DocumentID       string `json:"documentId"`
	Index            int    `json:"index"`
	EndReason        string `json:"endReason"`
	MetadataLocation string `json:"metadataLocation"`
	ContentLocation  string `json:"contentLocation"`
	DeleteLocation   string `json:"deleteLocation"`
}

// FileSubject is the subject of an event about the files of a recording.
func FileSubject(call, serverCall, recording string) string {
	return fmt.Sprintf("/recording/call/%s/serverCallId/%s/recordingId/%s", url.PathEscape(call), url.PathEscape(serverCall), recording)
}

// RecordingState is the data of RecordingStateChanged.
type RecordingState struct {
	Type             string `json:"type"` // recordingStateChanged
	RecordingID      string `json:"recordingId"`
	State            string `json:"state"` // active or inactive
	StartDateTime    string `json:"startDateTime"`
	CallConnectionID string `json:"callConnectionId,omitempty"`
	ServerCallID     string `json:"serverCallId"`
	CorrelationID    string `json:"correlationId"`
	RecordingKind    string `json:"recordingKind"`
}

// NewRecordingState makes the event for a callback; n counts the changes of the
// state of a recording.
func NewRecordingState(d RecordingState, start, at time.Time, n int) (Event, error) {
	d.Type = "recordingStateChanged"
	d.StartDateTime = start.UTC().Format(offsetFormat)
	subject := fmt.Sprintf("calling/recordings/%s/recordingId/%s", url.PathEscape(d.ServerCallID), d.RecordingID)
	e, err := New(RecordingStateChanged, subject, at, fmt.Sprintf("%s\n%d", d.RecordingID, n), d)
	e.Source = subject + "/RecordingStateChanged"
	return e, err
}

// Call is what the events of a call have in common.
type Call struct {
	StartedBy     Party  `json:"startedBy"`
	ServerCallID  string `json:"serverCallId"`
	CorrelationID string `json:"correlationId"`
	IsTwoParty    bool   `json:"isTwoParty"`
	IsRoomsCall   bool   `json:"isRoomsCall"`
}

// Party is somebody in a call.
type Party struct {
	Identifier Identifier `json:"communicationIdentifier"`
	Role       string     `json:"role"`
}

// Identifier says who somebody is.
type Identifier struct {
	Kind      string    `json:"kind"`
	RawID     string    `json:"rawId"`
	User      *User     `json:"communicationUser,omitempty"`
	Phone     *Phone    `json:"phoneNumber,omitempty"`
	Teams     *Teams    `json:"microsoftTeamsUser,omitempty"`
	TeamsApp  *TeamsApp `json:"microsoftTeamsApp,omitempty"`
	Extension *Teams    `json:"teamsExtensionUser,omitempty"`
}

// User is a user of communication services.
type User struct {
	ID string `json:"id"`
}

// Phone is a phone number.
type Phone struct {
	Value string `json:"value"`
}

// Teams is a user of Microsoft Teams.
type Teams struct {
	UserID string `json:"userId"`
}

// TeamsApp is an application of Microsoft Teams.
type TeamsApp struct {
	AppID string `json:"appId"`
}

// IDs returns the members that say who it is, by kind: one, in a good identifier.
func (i Identifier) IDs() map[string]string {
	ids := make(map[string]string)
	if i.User != nil {
		ids["communicationUser"] = i.User.ID
	}
	if i.Phone != nil {
		ids["phoneNumber"] = i.Phone.Value
	}
	if i.Teams != nil {
		ids["microsoftTeamsUser"] = i.Teams.UserID
	}
	if i.TeamsApp != nil {
		ids["microsoftTeamsApp"] = i.TeamsApp.AppID
	}
	if i.Extension != nil {
		ids["teamsExtensionUser"] = i.Extension.UserID
	}
	return ids
}

// Identify reads a participant's id, which is opaque here, as the service does
// if it is one of its own.
func Identify(id string) Identifier {
	known := func(prefix string) (string, bool) { return strings.CutPrefix(id, prefix) }
	if number, ok := known("4:"); ok {
		return Identifier{Kind: "phoneNumber", RawID: id, Phone: &Phone{number}}
	}
	if user, ok := known("8:orgid:"); ok {
		return Identifier{Kind: "microsoftTeamsUser", RawID: id, Teams: &Teams{user}}
	}
	if _, ok := known("8:"); ok {
		return Identifier{Kind: "communicationUser", RawID: id, User: &User{id}}
	}
	return Identifier{Kind: "unknown", RawID: id}
}

// Started is the data of CallStarted.
type Started struct{ Call }

// Ended is the data of CallEnded.
type Ended struct {
	Call
	EndedBy         Ender     `json:"endedBy"`
	Reason          EndReason `json:"reason"`
	DurationSeconds float64   `json:"callDurationInSeconds"`
}

// Ender is who ended a call.
type Ender struct {
	Identifier Identifier `json:"communicationIdentifier"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
}

// EndReason is why a call ended.
type EndReason struct {
	Code    int    `json:"code"`
	SubCode int    `json:"subCode"`
	Phrase  string `json:"phrase"`
}

// Membership is the data of CallParticipantAdded and CallParticipantRemoved.
type Membership struct {
	Call
	User          Party  `json:"user"`
	DisplayName   string `json:"displayName"`
	ParticipantID string `json:"participantId"`
	UserAgent     string `json:"userAgent"`
}

// Leg is the data of CallLegStateChanged, whose names are spelt like this.
type Leg struct {
	ConversationID string `json:"ConversationId"`
	CallLegID      string `json:"CallLegId"`
	CallState      string `json:"CallState"` // Established or Terminated
}

// Deleted is the data of RecordingDeleted.
type Deleted struct {
	RecordingID string `json:"recordingId"`
	Reason      string `json:"reason"` // RetentionExpired or Requested
}
