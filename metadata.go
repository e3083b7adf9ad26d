package callreel

import (
	"encoding/json"
	"strconv"
	"time"
)

// Metadata describes a chunk, in the form of the metadata files of Azure
// Communication Services.
type Metadata struct {
	ResourceID           string          `json:"resourceId"`
	CallID               string          `json:"callId"`
	ChunkDocumentID      string          `json:"chunkDocumentId"`
	ChunkIndex           int             `json:"chunkIndex"`
	ChunkStartTime       string          `json:"chunkStartTime"`
	ChunkDuration        int64           `json:"chunkDuration"` // ms
	PauseResumeIntervals []PauseInterval `json:"pauseResumeIntervals"`
	// Gaps is what is missing before the chunk because of a crash. The service
	// has no such field, and what is not missing is left out.
	Gaps          []PauseInterval       `json:"gaps,omitempty"`
	RecordingInfo RecordingInfo         `json:"recordingInfo"`
	Participants  []ParticipantMetadata `json:"participants"`
}

// PauseInterval is a pause within a chunk, or a gap before it.
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

// describeChunk makes the metadata of a chunk that has ended, which leaves
// something out.
func describeChunk(resource string, cfg RecordingConfig, c Chunk, rates bitRates, out omissions, people []ParticipantInfo) ([]byte, error) {
	end := c.StartTime.Add(c.Duration)
	for _, o := range out {
		if !o.start.Before(c.StartTime) {
			end = end.Add(o.duration)
		}
	}
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
	for _, o := range out {
		span := PauseInterval{StartTime: FormatTime(o.start), Duration: o.duration.Milliseconds()}
		if o.gap {
			m.Gaps = append(m.Gaps, span)
		} else {
			m.PauseResumeIntervals = append(m.PauseResumeIntervals, span)
		}
	}
	seen := make(map[string]bool)
	for _, p := range people {
		if !seen[p.ID] && p.Joined.Compare(end) <= 0 && (p.Left.IsZero() || p.Left.Compare(c.StartTime) >= 0) {
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
