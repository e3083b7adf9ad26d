package callreel

import (
	"fmt"
	"time"
)

// What makes a verdict. Each is far below what the complaints that they answer
// were about, and above what a call over a usable network has.
const (
	maxOffset      = 40 * time.Millisecond  // of sound from its place, 95th percentile
	maxMissing     = time.Second            // silence in the place of sound that was lost
	maxBlank       = 3 * time.Second        // of a stay without any picture though packets came
	maxShare       = 100                    // 1/100 of the recording: concealed
	maxFrozenShare = 50                     // 1/50 of the recording: frozen
	maxLate        = 10                     // 1/10 of the frames: composed late
	maxLateness    = time.Second            // and by how much at least
	minFinding     = 250 * time.Millisecond // shares of short recordings are not judged
)

// judge finds the verdict of a report and its reasons.
func (r *Report) judge(failure error) {
	r.Verdict, r.Reasons = Pass, []string{}
	if failure != nil {
		r.find(Fail, "the recording failed: %v", failure)
	}
	for _, g := range r.Gaps {
		r.find(Fail, "%v from %s on are missing, because the recorder was interrupted", g.Duration.Round(time.Millisecond), FormatTime(g.Start))
	}
	if u := r.Ticks.Unwritten; u.Total > 0 {
		r.find(Fail, "%v could not be written, in %d places", u.Total.Round(time.Millisecond), u.Count)
	}
	if r.Ticks.LateTicks*maxLate > r.Ticks.Frames && r.Ticks.MaxLateness > maxLateness {
		r.find(Warn, "%d of %d frames were composed late, the worst by %v", r.Ticks.LateTicks, r.Ticks.Frames, r.Ticks.MaxLateness.Round(time.Millisecond))
	}
	if o := r.Ticks.Overload; o.Total > 0 {
		r.find(Warn, "for %v the recorder was overloaded and left out pictures, up to level %d", o.Total.Round(time.Millisecond), o.Level)
	}
	for _, p := range r.Participants {
		for _, t := range p.Tracks {
			r.judgeTrack(fmt.Sprintf("%s, %s", p.ID, t.Track), t)
		}
	}
	for _, a := range r.Alarms {
		switch a.Kind {
		case AlarmSilence: // somebody is muted
		case AlarmUnwritable, AlarmSpoolSlow, AlarmOverloaded: // what is missing was found, and nothing else matters
		default:
			r.find(Warn, "%s, %s: alarm %s for %v", a.Participant, a.Track, a.Kind, a.Duration.Round(100*time.Millisecond))
		}
	}
}

// find adds a reason. The worst verdict counts.
func (r *Report) find(v Verdict, format string, args ...any) {
	if v == Fail || r.Verdict == Pass {
		r.Verdict = v
	}
	r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...))
}

func (r *Report) judgeTrack(who string, t TrackReport) {
	packets := t.Received().Packets
	if t.Decoded == 0 && packets > 0 && (t.DecodeErrors > 0 || t.blank() > maxBlank) {
		r.find(Fail, "%s: nothing of %d packets of %s could be decoded", who, packets, t.MimeType)
		return
	}
	if t.DecodeErrors > 0 {
		r.find(Warn, "%s: %d decode errors", who, t.DecodeErrors)
	}
	if t.Sound != nil {
		r.judgeSound(who, t.Sound)
	}
	if t.Pictures != nil {
		r.judgePictures(who, t.Pictures)
	}
}

func (t TrackReport) blank() time.Duration {
	if t.Pictures == nil {
		return maxBlank + 1
	}
	return t.Pictures.Blank.Total
}

func (r *Report) judgeSound(who string, s *SoundReport) {
	if r.share(s.Concealed.Total, maxShare) {
		r.find(Warn, "%s: %v of sound made up for loss, in %d places", who, s.Concealed.Total.Round(time.Millisecond), s.Concealed.Count)
	}
	if s.Missing.Total > maxMissing {
		r.find(Warn, "%s: %v of sound lost or too late, in %d places", who, s.Missing.Total.Round(time.Millisecond), s.Missing.Count)
	}
	if s.Overflowed > 0 {
		r.find(Fail, "%s: %d packets of sound were given up because the recorder was too far behind", who, s.Overflowed)
	}
	if s.P95Offset > maxOffset {
		r.find(Warn, "%s: sound up to %v from its place", who, s.P95Offset)
	}
}

func (r *Report) judgePictures(who string, p *PicturesReport) {
	if r.share(p.Frozen.Total, maxFrozenShare) {
		r.find(Warn, "%s: pictures frozen for %v, in %d places", who, p.Frozen.Total.Round(time.Millisecond), p.Frozen.Count)
	}
	if p.Blank.Total > maxBlank {
		r.find(Warn, "%s: no picture for %v though packets came", who, p.Blank.Total.Round(time.Millisecond))
	}
}

// share reports whether d is more than one in n of the recording, and worth mentioning.
func (r *Report) share(d time.Duration, n int64) bool {
	return d > minFinding && int64(d)*n > int64(r.Duration)
}
