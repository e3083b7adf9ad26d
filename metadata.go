package callreel

import (
	"encoding/json"
	"strconv"
	"time"
)

// Metadata describes a chunk, in the form of the metadata files of Azure
// Communication Services.
type Metadata struct {
	ResourceID           string                `json:"resourceId"`
	CallID               string                `json:"callId"`
	ChunkDocumentID      string                `json:"chunkDocumentId"`
	ChunkIndex           int                   `json:"chunkIndex"`
	ChunkStartTime       string                `json:"chunkStartTime"`
	ChunkDuration        int64                 `json:"chunkDuration"` // ms
	PauseResumeIntervals []PauseInterval       `json:"pauseResumeIntervals"`
	RecordingInfo        RecordingInfo         `json:"recordingInfo"`
	Participants         []ParticipantMetadata `json:"participants"`
}

// PauseInterval is a pause within a chunk.
type PauseInterval struct {
	StartTime string `json:"startTime"`
	Duration  int64  `json:"duration"` // ms
}

// RecordingInfo describes the media of a chunk.
type RecordingInfo struct {
	ContentType        string             `json:"contentType"`
	ChannelType        string             `json:"channelType"`
	Format             string             `json:"format"`
	AudioConfiguration AudioConfiguration `json:"audioConfiguration"`
	VideoConfiguration VideoConfiguration `json:"videoConfiguration"`
}

// AudioConfiguration describes the sound of a chunk.
type AudioConfiguration struct {
	SampleRate string `json:"sampleRate"` // Hz
	BitRate    int64  `json:"bitRate"`    // bit/s, measured
	Channels   int    `json:"channels"`
}

// VideoConfiguration describes the pictures of a chunk.
type VideoConfiguration struct {
	LongerSideLength  int   `json:"longerSideLength"`
	ShorterSideLength int   `json:"shorterSideLength"`
	Framerate         int   `json:"framerate"`
	BitRate           int64 `json:"bitRate"` // bit/s, measured
}

// ParticipantMetadata is somebody who was in the call during the chunk.
type ParticipantMetadata struct {
	ParticipantID string `json:"participantId"`
}

// FormatTime writes a time as the service does: ISO 8601 in UTC with seven decimals.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// bitRates are measured, in bit/s.
type bitRates struct{ video, audio int64 }

func (b chunkBytes) rates(d time.Duration) bitRates {
	return bitRates{rate(b.video, d), rate(b.audio, d)}
}

// describeChunk makes the metadata of a chunk that has ended.
func describeChunk(resource string, cfg RecordingConfig, c Chunk, rates bitRates, pauses []Pause, people []ParticipantInfo) ([]byte, error) {
	m := Metadata{
		ResourceID:      resource,
		CallID:          cfg.Conversation,
		ChunkDocumentID: c.DocumentID,
		ChunkIndex:      c.Index,
		ChunkStartTime:  FormatTime(c.StartTime),
		ChunkDuration:   c.Duration.Milliseconds(),
		RecordingInfo: RecordingInfo{
			ContentType: "audioVideo", ChannelType: "mixed", Format: "mp4",
			AudioConfiguration: AudioConfiguration{
				SampleRate: strconv.Itoa(mixRate), BitRate: rates.audio, Channels: 1,
			},
			VideoConfiguration: VideoConfiguration{
				LongerSideLength: max(cfg.Width, cfg.Height), ShorterSideLength: min(cfg.Width, cfg.Height),
				Framerate: cfg.FrameRate, BitRate: rates.video,
			},
		},
		PauseResumeIntervals: []PauseInterval{},
		Participants:         []ParticipantMetadata{},
	}
	for _, p := range pauses {
		m.PauseResumeIntervals = append(m.PauseResumeIntervals,
			PauseInterval{StartTime: FormatTime(p.Start), Duration: p.Duration.Milliseconds()})
	}
	seen := make(map[string]bool)
	for _, p := range people {
		if !seen[p.ID] {
			seen[p.ID] = true
			m.Participants = append(m.Participants, ParticipantMetadata{p.ID})
		}
	}
	return json.MarshalIndent(m, "", "  ")
}

// rate returns bits per second.
func rate(bytes int64, d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64(float64(bytes) * 8 / d.Seconds())
}
