package control

import (
	"errors"
	"net/http"
	"strings"

	"github.com/callreel/callreel/events"
)

// calling is the generation of the released SDKs for call automation, of any
// api-version: POST /calling/recordings and what follows from it. Errors are
// nested. Each operation has the one status that all versions of the SDKs take
// for success.
type calling struct{}

var _ dialect = calling{}

// recordingKind is what clients are told of who keeps the files.
const recordingKind = "azureCommunicationServices"

// callingStart is the body of a start. Whatever is null or missing is as the
// server has it. Fields that are not known are of newer versions, and ignored.
type callingStart struct {
	CallLocator               *callLocator     `json:"callLocator"`
	CallConnectionID          string           `json:"callConnectionId"`
	RecordingStateCallbackURI string           `json:"recordingStateCallbackUri"`
	RecordingContentType      string           `json:"recordingContentType"`
	RecordingChannelType      string           `json:"recordingChannelType"`
	RecordingFormatType       string           `json:"recordingFormatType"`
	PauseOnStart              bool             `json:"pauseOnStart"`
	OperationContext          string           `json:"operationContext"`
	ExternalStorage           *externalStorage `json:"externalStorage"`
	// Who has which channel of unmixed sound.
	Ordering []events.Identifier `json:"audioChannelParticipantOrdering"`
	Affinity []channelAffinity   `json:"channelAffinity"`
}

// callLocator names a call in one of several ways. Here each is the ID of a
// conversation.
type callLocator struct {
	Kind         string `json:"kind"`
	ServerCallID string `json:"serverCallId"`
	GroupCallID  string `json:"groupCallId"`
	RoomID       string `json:"roomId"`
}

type externalStorage struct {
	Kind      string `json:"recordingStorageKind"`
	Container string `json:"recordingDestinationContainerUrl"`
}

func (calling) request(v verb) any {
	if v == start {
		return callingStart{}
	}
	return nil
}

func (calling) arguments(v verb, body []byte) (arguments, error) {
	if v != start {
		return arguments{}, nil // SDKs send no body
	}
	var b callingStart
	if err := decode(body, &b, lenient); err != nil {
		return arguments{}, err
	}
	if err := errors.Join(b.offered(), b.checkChannels()); err != nil {
		return arguments{}, err
	}
	args := arguments{operationContext: b.OperationContext, callback: b.RecordingStateCallbackURI, pauseOnStart: b.PauseOnStart}
	var err error
	if args.callID, args.conversation, err = b.conversation(); err != nil {
		return arguments{}, err
	}
	args.connectionID = b.CallConnectionID
	return args, args.check()
}

// conversation returns the call that the body names, if it names one, as it is
// there and in canonical form.
func (b *callingStart) conversation() (given, canonical string, err error) {
	target, id := "callConnectionId", b.CallConnectionID
	if l := b.CallLocator; l != nil {
		if id != "" {
			return "", "", invalid("callLocator", "there is a callConnectionId too")
		}
		if target, id, err = l.id(); err != nil {
			return "", "", err
		}
	}
	if id == "" {
		return "", "", nil
	}
	if canonical, err = canonicalID(id); err != nil {
		return "", "", invalid(target, "%v", err)
	}
	return id, canonical, nil
}

func (l *callLocator) id() (target, id string, err error) {
	for _, k := range [...]struct{ kind, field, id string }{
		{"serverCallLocator", "serverCallId", l.ServerCallID},
		{"groupCallLocator", "groupCallId", l.GroupCallID},
		{"roomCallLocator", "roomId", l.RoomID},
	} {
		if strings.EqualFold(l.Kind, k.kind) {
			if k.id == "" {
				return "", "", invalid("callLocator."+k.field, "it is missing")
			}
			return "callLocator." + k.field, k.id, nil
		}
	}
	return "", "", invalid("callLocator.kind", "it must be serverCallLocator, groupCallLocator or roomCallLocator")
}

// offered reports what is asked for and not there.
func (b *callingStart) offered() error {
	for _, c := range [...]struct {
		target, got, has, code string
		known                  []string
	}{
		{"recordingContentType", b.RecordingContentType, "audioVideo", codeMode, []string{"audio"}},
		{"recordingChannelType", b.RecordingChannelType, "mixed", codeMode, []string{"unmixed"}},
		{"recordingFormatType", b.RecordingFormatType, "mp4", codeFormat, []string{"mp3", "wav"}},
	} {
		if err := checkMode(c.target, c.got, c.has, c.code, c.known); err != nil {
			return err
		}
	}
	if e := b.ExternalStorage; e != nil {
		return checkMode("externalStorage.recordingStorageKind", e.Kind, recordingKind, codeMode, []string{"azureBlobStorage"})
	}
	return nil
}

// checkMode tells what can't be recorded yet from what means nothing.
func checkMode(target, got, has, code string, known []string) error {
	if got == "" || strings.EqualFold(got, has) {
		return nil
	}
	for _, k := range known {
		if strings.EqualFold(got, k) {
			return &problem{status: http.StatusBadRequest, code: code, target: target, message: got + " is not supported: use " + has}
		}
	}
	return invalid(target, "it must be %s", has)
}

// callingState is the body of a start's and a state's answer.
type callingState struct {
	RecordingID    string         `json:"recordingId"`
	RecordingState recordingState `json:"recordingState"`
	RecordingKind  string         `json:"recordingKind"`
}

func (calling) answer(v verb, done outcome) (status int, body any) {
	switch v {
	case start, state:
		return http.StatusOK, callingState{done.recording, done.state, recordingKind}
	case stop:
		return http.StatusNoContent, nil
	default:
		return http.StatusAccepted, nil
	}
}

// nestedError is the body of an error.
type nestedError struct {
	Error flatError `json:"error"`
}

func (calling) failure(_ verb, p *problem) (status int, body any) {
	return p.status, nestedError{flat(p)}
}

// callingBeta is that of the previews of 2021, whose clients take 200 for
// success only.
type callingBeta struct{ calling }

var _ dialect = callingBeta{}

// isBeta tells the previews of 2021 by their api-version.
func isBeta(apiVersion string) bool { return strings.HasPrefix(apiVersion, "2021-") }

func (callingBeta) answer(v verb, done outcome) (status int, body any) {
	switch v {
	case start, state:
		return seed{}.answer(v, done)
	default:
		return http.StatusOK, nil
	}
}
