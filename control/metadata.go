package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/callreel/callreel"
)

const maxMetadata = 16 << 20 // bytes of a stored file

// callingMetadata is a metadata file in the form of the released API. What the
// store keeps is in the form of the seed.
type callingMetadata struct {
	callreel.Metadata
	RecordingInfo callingRecordingInfo `json:"recordingInfo"`
	Participants  []callingParticipant `json:"participants"`
}

type callingRecordingInfo struct {
	callreel.RecordingInfo
	AudioConfiguration callingAudio `json:"audioConfiguration"`
}

type callingAudio struct {
	callreel.AudioConfiguration
	SampleRate int `json:"sampleRate"` // Hz
}

type callingParticipant struct {
	callreel.ParticipantMetadata
	Channel int `json:"channel"` // of the file's sound, from 0
}

// newCallingMetadata puts a metadata file into another form. All voices are
// mixed into the one channel that there is.
func newCallingMetadata(m callreel.Metadata) (callingMetadata, error) {
	sampleRate, err := strconv.Atoi(m.RecordingInfo.AudioConfiguration.SampleRate)
	if err != nil {
		return callingMetadata{}, fmt.Errorf("sample rate: %w", err)
	}
	out := callingMetadata{
		Metadata: m,
		RecordingInfo: callingRecordingInfo{
			RecordingInfo:      m.RecordingInfo,
			AudioConfiguration: callingAudio{m.RecordingInfo.AudioConfiguration, sampleRate},
		},
		Participants: []callingParticipant{},
	}
	for _, p := range m.Participants {
		out.Participants = append(out.Participants, callingParticipant{p, 0})
	}
	return out, nil
}

// serveMetadata sends a stored metadata file in the form of the released API.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request, key, name string) error {
	m, modified, err := s.storedMetadata(r, key)
	if err != nil {
		return err
	}
	doc, err := newCallingMetadata(m)
	if err != nil {
		return fmt.Errorf("control: %s: %w", key, err)
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	setFileHeaders(w.Header(), "application/json", name, `"`+fingerprint(b)+`"`)
	return serveContent(w, r, modified, bytes.NewReader(b))
}

func (s *Server) storedMetadata(r *http.Request, key string) (m callreel.Metadata, modified time.Time, err error) {
	obj, err := s.cfg.Store.Open(r.Context(), key)
	if err != nil {
		return m, modified, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	if err = json.NewDecoder(io.LimitReader(obj, maxMetadata)).Decode(&m); err != nil {
		err = fmt.Errorf("control: %s: %w", key, err)
	}
	return m, obj.ModTime, err
}
