package callreel

import (
	"maps"
	"slices"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// progressReport is what a recording keeps in its manifest, so that its report
// also tells of what was received before a crash.
type progressReport struct {
	Tracks        map[string]trackReports `json:"tracks"` // by participant
	Alarms        []Alarm                 `json:"alarms"`
	Gaps          Spans                   `json:"gaps"`     // in what came
	Lateness      []int64                 `json:"lateness"` // as in Counters
	MaxLateness   time.Duration           `json:"maxLatenessNs"`
	TotalLateness time.Duration           `json:"totalLatenessNs"`
	made          timebase.Ticks          // local time
}

// trackReports are those of a participant.
type trackReports struct {
	Reports []TrackReport `json:"reports"`
	Omitted int           `json:"omitted,omitempty"`
}

// pays returns how old it has to be until it is made again: what a hundred
// tracks cost is worth it once a second.
func (p *progressReport) pays() timebase.Ticks {
	n := timebase.Ticks(0)
	if p != nil {
		for _, t := range p.Tracks {
			n += timebase.Ticks(len(t.Reports))
		}
	}
	return n * timebase.Second / 100
}

// reported returns what is known now, or was a moment ago.
func (r *Recording) reported(people []ParticipantInfo) *progressReport {
	now := r.eng.clock.now()
	if p := r.progress; p != nil && now-p.made < p.pays() {
		return p
	}
	s := r.session
	report := s.report(people, slices.Concat(s.retired, s.running()))
	late := r.past.progress.joinTo(&report, s.late)
	p := &progressReport{
		Tracks: make(map[string]trackReports), Alarms: report.Alarms, Gaps: report.Ticks.Gaps,
		Lateness: late.log2[:], MaxLateness: late.most, TotalLateness: late.sum, made: now,
	}
	for _, who := range report.Participants {
		if len(who.Tracks) > 0 || who.Omitted > 0 {
			p.Tracks[who.ID] = trackReports{who.Tracks, who.Omitted}
		}
	}
	for i, a := range p.Alarms {
		if a.Duration == 0 && !a.Over {
			p.Alarms[i].Duration = max(0, s.position().Duration()-a.Start)
		}
	}
	r.progress = p
	return p
}

// running returns the reports of the tracks that are not over, as they are. Of
// sound that has just begun nothing can be decoded yet: that is no finding.
func (s *session) running() (all []finished) {
	for _, v := range s.voices {
		if v == nil {
			continue
		}
		if r := v.report(); r.Decoded+r.DecodeErrors+r.Withheld > 0 {
			all = append(all, finished{v.feed.layer.member.stay, r})
		}
	}
	for _, c := range s.cameras {
		if c != nil {
			all = append(all, finished{c.layers[0].layer.member.stay, c.report(s.position())})
		}
	}
	return all
}

// joinTo puts what was known before a crash in front of what a report knows, and
// returns how late frames were in all. It may be nil.
func (p *progressReport) joinTo(r *Report, late lateness) lateness {
	if p == nil {
		return late
	}
	places := make(map[string]int)
	for i, who := range r.Participants {
		places[who.ID] = i
	}
	for _, id := range slices.Sorted(maps.Keys(p.Tracks)) {
		before := p.Tracks[id]
		i, known := places[id]
		if !known { // who came when only this was noted
			i = len(r.Participants)
			r.Participants = append(r.Participants, ParticipantReport{ID: id})
		}
		who := &r.Participants[i]
		who.Tracks = slices.Concat(before.Reports, who.Tracks)
		who.Omitted += before.Omitted + max(0, len(who.Tracks)-maxFinished)
		who.Tracks = who.Tracks[:min(len(who.Tracks), maxFinished)]
		who.sumUp()
	}
	r.Alarms = slices.Concat(p.Alarms, r.Alarms)
	r.Alarms = r.Alarms[:min(len(r.Alarms), maxAlarms)]
	r.Ticks.Gaps = p.Gaps.plus(r.Ticks.Gaps)
	for i, n := range p.Lateness[:min(len(p.Lateness), len(late.log2))] {
		late.log2[i] += n
	}
	late.most, late.sum = max(late.most, p.MaxLateness), late.sum+p.TotalLateness
	return late
}
