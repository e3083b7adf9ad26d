package control

import (
	"slices"
	"time"

	"github.com/callreel/callreel"
)

// recordingDetails is a recording as GET /recordings tells it.
type recordingDetails struct {
	ID           string               `json:"recordingId"`
	Conversation string               `json:"conversationId"`
	State        string               `json:"state"` // callreel.State as text, or deleted
	StartTime    time.Time            `json:"startTime"`
	EndTime      time.Time            `json:"endTime,omitzero"`
	DurationMs   int64                `json:"durationMs"` // without pauses and gaps
	EndReason    callreel.EndReason   `json:"endReason,omitempty"`
	Verdict      callreel.Verdict     `json:"verdict,omitempty"` // of the report
	Context      string               `json:"operationContext,omitempty"`
	Callback     string               `json:"recordingStateCallbackUri,omitempty"` // without its query
	Chunks       []chunkDetails       `json:"chunks"`
	Pauses       []pauseDetails       `json:"pauses"`
	Gaps         []pauseDetails       `json:"gaps,omitempty"` // missing because of a crash
	Participants []participantDetails `json:"participants"`
	Timeline     []moment             `json:"timeline,omitempty"`
}

type chunkDetails struct {
	DocumentID string    `json:"documentId"`
	Index      int       `json:"index"`
	StartTime  time.Time `json:"startTime"`
	DurationMs int64     `json:"durationMs"`
	Bytes      int64     `json:"bytes"`
	EndReason  string    `json:"endReason"`
	Deleted    bool      `json:"deleted,omitempty"`

	ContentLocation  string `json:"contentLocation,omitempty"`
	MetadataLocation string `json:"metadataLocation,omitempty"`
	DeleteLocation   string `json:"deleteLocation,omitempty"`
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
func describe(res callreel.Result) recordingDetails {
	d := recordingDetails{
		ID: res.ID, Conversation: res.Conversation, State: res.State.String(),
		StartTime: res.StartTime, DurationMs: res.Duration.Milliseconds(), EndReason: res.EndReason, Verdict: res.Verdict,
		Chunks:       []chunkDetails{},
		Pauses:       []pauseDetails{},
		Participants: describeParticipants(res.Participants),
	}
	for _, c := range res.Chunks {
		d.Chunks = append(d.Chunks, chunkDetails{
			DocumentID: c.DocumentID, Index: c.Index, StartTime: c.StartTime,
			DurationMs: c.Duration.Milliseconds(), Bytes: c.Bytes, EndReason: c.EndReason,
		})
	}
	for _, p := range res.Pauses {
		d.Pauses = append(d.Pauses, pauseDetails{p.Start, p.Duration.Milliseconds()})
	}
	for _, g := range res.Gaps {
		d.Gaps = append(d.Gaps, pauseDetails{g.Start, g.Duration.Milliseconds()})
	}
	return d
}

// bound leaves out what is too much for a list.
func (d *recordingDetails) bound() {
	d.Pauses, d.Gaps = d.Pauses[:min(len(d.Pauses), maxListed)], d.Gaps[:min(len(d.Gaps), maxListed)]
	d.Participants = d.Participants[:min(len(d.Participants), maxListed)]
}

func describeParticipants(all []callreel.ParticipantInfo) []participantDetails {
	out := []participantDetails{}
	for _, p := range all {
		out = append(out, participantDetails(p))
	}
	return out
}

// locate says where the files of a recording are, but for those that are gone.
func (s *Server) locate(d *recordingDetails, gone []int) {
	d.Chunks = slices.Clone(d.Chunks)
	for i := range d.Chunks {
		c := &d.Chunks[i]
		if c.Deleted = slices.Contains(gone, c.Index); !c.Deleted {
			c.ContentLocation, c.MetadataLocation, c.DeleteLocation = s.contentURLs(c.DocumentID)
		}
	}
}

// moment is something that happened during a recording.
type moment struct {
	Time       time.Time `json:"time"`
	PositionMs int64     `json:"positionMs"` // in the recording, without pauses and gaps
	What       string    `json:"what"`       // started, joined, left, paused, resumed, interrupted, continued, chunk, ended
	// Participant or Chunk is whom or what it is about.
	Participant string `json:"participantId,omitempty"`
	Chunk       string `json:"documentId,omitempty"`
}

// timeline puts what happened during a recording in order.
func timeline(d recordingDetails) []moment {
	all := []moment{{Time: d.StartTime, What: "started"}}
	for _, p := range d.Participants {
		if p.Joined.After(d.StartTime) {
			all = append(all, moment{Time: p.Joined, What: "joined", Participant: p.ID})
		}
		if !p.Left.IsZero() {
			all = append(all, moment{Time: p.Left, What: "left", Participant: p.ID})
		}
	}
	for _, p := range d.Pauses {
		end := p.StartTime.Add(milliseconds(p.DurationMs))
		all = append(all, moment{Time: p.StartTime, What: "paused"})
		if d.EndTime.IsZero() || end.Before(d.EndTime) {
			all = append(all, moment{Time: end, What: "resumed"})
		}
	}
	for _, g := range d.Gaps {
		end := g.StartTime.Add(milliseconds(g.DurationMs))
		all = append(all, moment{Time: g.StartTime, What: "interrupted"}, moment{Time: end, What: "continued"})
	}
	for _, c := range d.Chunks {
		all = append(all, moment{Time: c.StartTime, What: "chunk", Chunk: c.DocumentID})
	}
	if !d.EndTime.IsZero() {
		all = append(all, moment{Time: d.EndTime, What: "ended"})
	}
	slices.SortStableFunc(all, func(a, b moment) int { return a.Time.Compare(b.Time) })
	for i := range all {
		all[i].PositionMs = d.position(all[i].Time)
	}
	return all
}

// position is where in a recording something is that happened at a time.
func (d *recordingDetails) position(at time.Time) int64 {
	pos := at.Sub(d.StartTime)
	for _, p := range slices.Concat(d.Pauses, d.Gaps) {
		if at.After(p.StartTime) {
			pos -= min(at.Sub(p.StartTime), milliseconds(p.DurationMs))
		}
	}
	ms := max(pos, 0).Milliseconds()
	if !d.EndTime.IsZero() {
		ms = min(ms, d.DurationMs)
	}
	return ms
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
