package callreel

import (
	"cmp"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/callreel/callreel/ingest"
)

// Verdict sums up a report.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass" // the file shows what happened
	Warn Verdict = "warn" // somebody may notice something
	Fail Verdict = "fail" // something that happened is not in the file
)

// Report tells how true a recording is. It is kept beside the media as
// report.json. Stretches are in session position, other spans are durations.
type Report struct {
	Recording    string        `json:"recordingId"`
	Conversation string        `json:"conversationId"`
	StartTime    time.Time     `json:"startTime"`
	Duration     time.Duration `json:"durationNs"` // without pauses and gaps
	Verdict      Verdict       `json:"verdict"`
	// Reasons says why the verdict is not Pass.
	Reasons []string `json:"reasons"`
	// Gaps is what is missing because the recorder was killed. What it knew of the
	// last seconds before that is not in what follows, and a track that there was
	// before and after a gap is listed for both.
	Gaps         []Gap               `json:"gaps,omitempty"`
	Ticks        TickReport          `json:"ticks"`
	Participants []ParticipantReport `json:"participants"`
	// Alarms are those that were raised, in order.
	Alarms []Alarm `json:"alarms"`
}

// TickReport tells how well the recorder kept up.
type TickReport struct {
	Stats
	// P95Lateness is how late 95 % of the frames were at most, rounded up to a
	// power of two of milliseconds, and MaxLateness how late the latest was.
	P95Lateness time.Duration `json:"p95LatenessNs"`
	MaxLateness time.Duration `json:"maxLatenessNs"`
	// Gaps are stretches of a second and more in which nothing came from
	// anybody although there were tracks that had sent.
	Gaps Spans `json:"gaps"`
	// Unwritten is where nothing could be written: it is in no file.
	Unwritten Spans    `json:"unwritten"`
	Overload  Overload `json:"overload"`
}

// ParticipantReport tells what came of a participant.
type ParticipantReport struct {
	ID    string            `json:"participantId"`
	Name  string            `json:"displayName,omitempty"`
	Stays []ParticipantInfo `json:"stays"`
	// AVOffset is by how much the sound was late against where it belongs, next
	// to the pictures, on average; negative is early.
	AVOffset time.Duration `json:"avOffsetNs"`
	// AVBasis says what relates sound and pictures: "reports" if the sender's
	// reports do, "arrival" if there were none for one of them.
	AVBasis string        `json:"avBasis,omitempty"`
	Tracks  []TrackReport `json:"tracks"`
	// Omitted is how many tracks more there were: the first 500 that ended are listed.
	Omitted int `json:"omittedTracks,omitempty"`
}

// TrackReport tells what came of a track.
type TrackReport struct {
	Track    string       `json:"trackId"`
	Kind     string       `json:"kind"` // audio or video
	Role     string       `json:"role"`
	MimeType string       `json:"mimeType"`
	Layers   []LayerStats `json:"layers"` // one, or those of a simulcast
	// Decoded counts packets of sound, or pictures.
	Decoded      uint64 `json:"decoded"`
	DecodeErrors uint64 `json:"decodeErrors"`
	// Oversize counts pictures that had too many pixels to be decoded, and
	// Withheld packets of sound or pictures that were not decoded because the
	// participant's cost too much (see Limits).
	Oversize uint64 `json:"oversize"`
	Withheld uint64 `json:"withheld"`

	Sound    *SoundReport    `json:"sound,omitempty"`
	Pictures *PicturesReport `json:"pictures,omitempty"`
}

// SoundReport is about the sound of a track.
type SoundReport struct {
	// Concealed is sound that was made up for lost packets, Recovered what was
	// decoded from the redundancy in the next packet (RFC 6716 section 2.1.7),
	// and Missing what is silence because too much was lost, or came after it had
	// been composed without it.
	Concealed Spans         `json:"concealed"`
	Recovered time.Duration `json:"recoveredNs"`
	Missing   Spans         `json:"missing"`
	// Overflowed counts packets that were given up because the recorder was ten
	// minutes behind.
	Overflowed uint64 `json:"overflowed"`
	// MeanOffset and P95Offset tell how far from their places samples were; the
	// latter is rounded up to a millisecond.
	MeanOffset time.Duration `json:"meanOffsetNs"`
	P95Offset  time.Duration `json:"p95OffsetNs"`
	// Moves counts how often the sound was moved at once: at starts, after
	// silence, after stalls.
	Moves uint64 `json:"moves"`
}

// PicturesReport is about the pictures of a track.
type PicturesReport struct {
	// Frozen is where the last good picture stood because what came could not
	// be decoded, Blank where there was none to show although packets came, and
	// Black where what was shown was black.
	Frozen Spans `json:"frozen"`
	Blank  Spans `json:"blank"`
	Black  Spans `json:"black"`
	// Used tells for how long which layer was shown: the first 200 of them.
	Used []LayerUse `json:"used"`
}

// LayerUse is the use of one layer of a track.
type LayerUse struct {
	RID      string        `json:"rid,omitempty"`
	Spatial  uint8         `json:"spatial"`  // the highest in it
	Temporal int           `json:"temporal"` // the highest that was wanted; -1: all
	Width    int           `json:"width"`
	Height   int           `json:"height"`
	Rotation int           `json:"rotation,omitempty"` // degrees clockwise
	Duration time.Duration `json:"durationNs"`
}

// LayerStats counts what was received of a track, or of one layer of a simulcast.
type LayerStats struct {
	RID         string `json:"rid,omitempty"`
	Packets     uint64 `json:"packets"`
	Bytes       uint64 `json:"bytes"`
	Lost        uint64 `json:"lost"`       // for good
	LostUnused  uint64 `json:"lostUnused"` // likewise, while another layer was used: nobody asks for these
	Recovered   uint64 `json:"recovered"`  // brought back by redundancy
	Repaired    uint64 `json:"repaired"`   // came when asked for again
	Late        uint64 `json:"late"`
	Duplicate   uint64 `json:"duplicate"`
	Malformed   uint64 `json:"malformed"`
	Excess      uint64 `json:"excess"` // packets left out because there were too many: see Limits
	KeyFrames   uint64 `json:"keyFrames"`
	Freezes     uint64 `json:"freezes"` // times that pictures had to wait for a key frame
	SSRCChanges uint64 `json:"ssrcChanges"`
	// SenderReports counts those that related the clock to the sender's others,
	// OddReports those that fitted nothing and were ignored.
	SenderReports uint64 `json:"senderReports"`
	OddReports    uint64 `json:"oddReports"`
	// ClockDrift is how fast the sender's clock is, in parts per billion, and
	// DelaySpread the 95th percentile of the one-way delay beyond the least.
	ClockDrift  int64         `json:"clockDriftPpb"`
	DelaySpread time.Duration `json:"delaySpreadNs"`
	ClockJumps  uint64        `json:"clockJumps"` // stalls and steps of the RTP clock that were jumped
	ClockSteps  uint64        `json:"clockSteps"` // times that the sender's time of day was set
}

// AlarmKind says what is wrong.
type AlarmKind string

// The alarms. But for the last two each is about a track from which packets arrive.
const (
	AlarmUndecodable AlarmKind = "Undecodable" // nothing could be decoded for 4 s
	AlarmNoKeyFrame  AlarmKind = "NoKeyFrame"  // no key frame came for 4 s although one is needed
	AlarmSilence     AlarmKind = "Silence"     // nothing but silence for 30 s
	AlarmExcessive   AlarmKind = "Excessive"   // some is left out, as it is beyond the limits
	AlarmUnwritable  AlarmKind = "Unwritable"  // of the recording: the spool can't be written to
	AlarmSpoolSlow   AlarmKind = "SpoolSlow"   // of the recording: the spool takes more than 2 s to be written to
	AlarmOverloaded  AlarmKind = "Overloaded"  // of the recording: it can't keep up, and leaves out pictures
)

// Alarm is something that is wrong, as long as it is.
type Alarm struct {
	Kind        AlarmKind     `json:"kind"`
	Participant string        `json:"participantId"`
	Track       string        `json:"trackId"`
	Start       time.Duration `json:"startNs"`            // session position at which it was raised
	Duration    time.Duration `json:"durationNs"`         // up to its end, or that of the track
	Over        bool          `json:"over"`               // it ended before the track, or the recording, did
	MimeType    string        `json:"mimeType,omitempty"` // of the track
	Level       int           `json:"level,omitempty"`    // of overload, at worst, as in OverloadSpan
}

// Tracks returns the tracks of all participants.
func (r *Report) Tracks() iter.Seq[TrackReport] {
	return func(yield func(TrackReport) bool) {
		for _, p := range r.Participants {
			for _, t := range p.Tracks {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// Received sums up the counts of the layers. What is measured, not counted, is left out.
func (t TrackReport) Received() (sum LayerStats) {
	for _, l := range t.Layers {
		sum.Packets += l.Packets
		sum.Bytes += l.Bytes
		sum.Lost += l.Lost
		sum.LostUnused += l.LostUnused
		sum.Recovered += l.Recovered
		sum.Repaired += l.Repaired
		sum.Late += l.Late
		sum.Duplicate += l.Duplicate
		sum.Malformed += l.Malformed
		sum.Excess += l.Excess
		sum.KeyFrames += l.KeyFrames
		sum.Freezes += l.Freezes
		sum.SSRCChanges += l.SSRCChanges
		sum.SenderReports += l.SenderReports
		sum.OddReports += l.OddReports
		sum.ClockJumps += l.ClockJumps
		sum.ClockSteps += l.ClockSteps
	}
	return sum
}

// report tells how the recording went, by the tracks that are over.
func (s *session) report(people []ParticipantInfo, tracks []finished) Report {
	missing := s.out.status().missing
	r := Report{
		Recording: s.cfg.ID, Conversation: s.cfg.Conversation, Duration: s.position().Duration(),
		Ticks: TickReport{
			Stats: s.stats, P95Lateness: s.late.p95(), MaxLateness: s.late.most, Gaps: s.gaps.report(),
			Unwritten: missing.report(),
		},
		Participants: []ParticipantReport{}, Alarms: append([]Alarm{}, s.alarms...),
	}
	places := make(map[string]int)
	for _, stay := range people {
		p := r.participant(stay, places)
		p.Name = cmp.Or(stay.Name, p.Name)
		p.Stays = append(p.Stays, stay)
	}
	for _, f := range tracks {
		p := &r.Participants[places[f.stay.id]]
		p.Tracks = append(p.Tracks, f.report)
	}
	for id, n := range s.concluded {
		r.Participants[places[id]].Omitted = max(0, n-maxFinished)
	}
	for i := range r.Participants {
		r.Participants[i].sumUp()
	}
	return r
}

// participant returns the one that a stay is of; places tells where they are.
func (r *Report) participant(stay ParticipantInfo, places map[string]int) *ParticipantReport {
	i, known := places[stay.ID]
	if !known {
		i = len(r.Participants)
		places[stay.ID] = i
		r.Participants = append(r.Participants, ParticipantReport{ID: stay.ID, Tracks: []TrackReport{}})
	}
	return &r.Participants[i]
}

// sumUp sorts a participant's tracks and relates sound and pictures.
func (p *ParticipantReport) sumUp() {
	slices.SortStableFunc(p.Tracks, func(a, b TrackReport) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Track, b.Track), cmp.Compare(a.MimeType, b.MimeType))
	})
	var sound, pictures *TrackReport
	for i := range p.Tracks {
		t := &p.Tracks[i]
		switch {
		case t.Role != ingest.Camera.String():
		case t.Sound != nil:
			sound = t
		case t.Pictures != nil:
			pictures = t
		}
	}
	if sound == nil || pictures == nil {
		return
	}
	p.AVOffset, p.AVBasis = sound.Sound.MeanOffset, "arrival"
	if sound.byReports() && pictures.byReports() {
		p.AVBasis = "reports"
	}
}

func (t *TrackReport) byReports() bool {
	return t.Received().SenderReports > 0
}

// LogValue sums the report up.
func (r *Report) LogValue() slog.Value {
	var sum LayerStats
	var concealed, frozen time.Duration
	for t := range r.Tracks() {
		l := t.Received()
		sum.Lost, sum.Recovered, sum.Repaired = sum.Lost+l.Lost, sum.Recovered+l.Recovered, sum.Repaired+l.Repaired
		if t.Sound != nil {
			concealed += t.Sound.Concealed.Total + t.Sound.Missing.Total
		}
		if t.Pictures != nil {
			frozen += t.Pictures.Frozen.Total
		}
	}
	return slog.GroupValue(
		slog.String("verdict", string(r.Verdict)), slog.Any("reasons", r.Reasons),
		slog.Int("participants", len(r.Participants)),
		slog.Uint64("lost", sum.Lost), slog.Uint64("recovered", sum.Recovered), slog.Uint64("repaired", sum.Repaired),
		slog.Duration("concealed", concealed), slog.Duration("frozen", frozen),
		slog.Int64("lateTicks", r.Ticks.LateTicks), slog.Duration("overloaded", r.Ticks.Overload.Total), slog.Int("alarms", len(r.Alarms)),
	)
}
