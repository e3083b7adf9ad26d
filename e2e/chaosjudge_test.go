package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	engine "github.com/callreel/callreel"
	"github.com/callreel/callreel/client"
)

// course is a recording that has ended, on the clock.
type course struct {
	client.Recording
	*chaosRecording
	out []span // what it leaves out: pauses, gaps and what of these meets
}

type span struct{ from, to time.Time }

// meets is how far apart spans are at most that meet: they are told in whole
// milliseconds.
const meets = 20 * time.Millisecond

func newCourse(d client.Recording, r *chaosRecording) course {
	c := course{Recording: d, chaosRecording: r}
	all := slices.Concat(d.Pauses, d.Gaps)
	slices.SortFunc(all, func(a, b client.Pause) int { return a.StartTime.Compare(b.StartTime) })
	for _, p := range all {
		s := span{p.StartTime, p.StartTime.Add(time.Duration(p.DurationMs) * time.Millisecond)}
		if n := len(c.out); n > 0 && s.from.Sub(c.out[n-1].to) < meets {
			c.out[n-1].to = later(c.out[n-1].to, s.to)
			continue
		}
		c.out = append(c.out, s)
	}
	return c
}

func (c course) length() time.Duration { return time.Duration(c.DurationMs) * time.Millisecond }

// position returns where in the recording a time is.
func (c course) position(at time.Time) time.Duration {
	pos := at.Sub(c.StartTime)
	for _, s := range c.out {
		if at.After(s.from) {
			pos -= min(at.Sub(s.from), s.to.Sub(s.from))
		}
	}
	return min(pos, c.length())
}

// end returns when the recording ended.
func (c course) end() time.Time {
	at := c.StartTime.Add(c.length())
	for _, s := range c.out {
		at = at.Add(s.to.Sub(s.from))
	}
	return at
}

// around returns what is left out at a time.
func (c course) around(at time.Time) (span, bool) {
	for _, s := range c.out {
		if !at.Before(s.from) && !at.After(s.to) {
			return s, true
		}
	}
	return span{}, false
}

// findings is what chaos has come to.
type findings struct {
	mu                       sync.Mutex
	recordings, files, clean int
	acknowledged, inFiles    time.Duration
	gaps                     time.Duration
	losses, resumes          []time.Duration // by recording and kill
	unfinished               []time.Duration // what had happened and was in no file yet, likewise
	stops                    int             // just after a kill
	beeps, heard             int
	distinct, requests       int
	refused                  int // requests that were not answered well
	missing, twice           int // events
}

// judge compares what was promised with what there is.
func (c *chaos) judge(seed uint64) {
	f := &findings{recordings: len(c.recordings)}
	defer func() { c.t.Logf("after %d kills, seed %d:\n\n%s", len(c.kills), seed, f.table(c)) }()
	var courses []course
	for _, r := range c.recordings {
		eventually(c.t, func() (bool, string) {
			d, err := c.api.Recording(c.t.Context(), r.id)
			if err != nil || !d.Ended() {
				return false, fmt.Sprintf("the end of recording %s: %s, %v", r.id, d.State, err)
			}
			courses = append(courses, newCourse(d, r))
			return true, ""
		})
	}
	c.checkList()
	for _, r := range courses {
		c.checkCourse(f, r)
	}
	c.checkEvents(f, courses)
	c.t.Run("files", func(t *testing.T) {
		for _, r := range courses {
			t.Run(r.ID, func(t *testing.T) {
				t.Parallel()
				c.checkFiles(t, f, r)
			})
		}
	})
	if f.heard < f.beeps*99/100 {
		c.t.Errorf("%d of %d beeps are heard", f.heard, f.beeps)
	}
	for _, bad := range []string{"panic:", "SIGBUS", "DATA RACE"} {
		if bytes.Contains(c.prey.tail(1<<30), []byte(bad)) {
			c.t.Errorf("the server's log has %q", bad)
		}
	}
}

// checkList checks that there are the recordings that were started, and no other.
func (c *chaos) checkList() {
	c.t.Helper()
	left := make(map[string]bool)
	for _, r := range c.recordings {
		left[r.id] = true
	}
	for r, err := range c.api.Recordings(c.t.Context(), client.RecordingFilter{}) {
		must(c.t, err)
		if !left[r.ID] {
			c.t.Errorf("recording %s was started by nobody, or is listed twice", r.ID)
		}
		delete(left, r.ID)
	}
	if len(left) > 0 {
		c.t.Errorf("recordings are not listed: %v", left)
	}
}

// checkCourse checks a recording's end, that nothing is missing but what was lost in a
// kill, and that that is little.
func (c *chaos) checkCourse(f *findings, r course) {
	c.t.Helper()
	if r.State != "completed" || !c.mayEnd(r) {
		c.t.Errorf("recording %s is %s, %s: asked for at %v, to stop at %v", r.ID, r.State, r.EndReason, r.asked, r.stopAt)
	}
	if end := r.end(); end.After(r.stoppedBy.Add(stopDelay)) || r.EndReason == "Stopped" && end.Before(r.stopAt.Add(-frameTime)) {
		c.t.Errorf("recording %s ends at %v, and was stopped at %v to %v", r.ID, end, r.stopAt, r.stoppedBy)
	}
	f.inFiles += r.length()
	f.acknowledged += r.length()
	for i, k := range c.kills {
		s, known := k.last[r.ID]
		if !known || i > 0 && c.kills[i-1].at.After(s.at) || k.at.After(r.stoppedBy) {
			continue // what it said before an earlier kill was lost then
		}
		kept := r.length()
		if out, ok := r.around(k.at); ok {
			kept = r.position(out.from)
			if s.state == "active" && (i == 0 || c.kills[i-1].at.Before(out.from)) {
				f.unfinished = append(f.unfinished, k.at.Sub(out.from))
			}
		}
		lost := max(0, s.position-kept)
		f.acknowledged += lost
		f.losses = append(f.losses, lost)
		if lost > chaosLoss {
			c.t.Errorf("recording %s lost %v when a %s was killed with %v at %v: it said that it had %v", r.ID, lost, k.what, k.signal, k.at, s.position)
		}
		if r.stopAt.After(k.at) && r.stopAt.Before(k.at.Add(time.Second)) {
			f.stops++
		}
	}
	for _, g := range r.Gaps {
		c.checkGap(f, r, g)
	}
}

// mayEnd reports whether the recording may have ended as it did.
func (c *chaos) mayEnd(r course) bool {
	return r.EndReason == "Stopped" || slices.ContainsFunc(c.kills, func(k kill) bool {
		before := k.at.Before(r.stoppedBy)
		return r.EndReason == "Interrupted" && before && k.at.After(r.stopAt.Add(-meets)) ||
			r.EndReason == "Shutdown" && before && k.at.After(r.asked) && k.signal.String() == "terminated"
	})
}

// checkGap checks that a gap is that of a kill, and short.
func (c *chaos) checkGap(f *findings, r course, g client.Pause) {
	c.t.Helper()
	s := span{g.StartTime, g.StartTime.Add(time.Duration(g.DurationMs) * time.Millisecond)}
	f.gaps += s.to.Sub(s.from)
	whole, _ := r.around(s.from.Add(s.to.Sub(s.from) / 2))
	var killed time.Time
	for _, k := range c.kills {
		if !k.at.Before(whole.from) && !k.at.After(whole.to) {
			killed = k.at
		}
	}
	switch after := s.to.Sub(killed); {
	case killed.IsZero():
		c.t.Errorf("recording %s has a gap without a kill: %+v", r.ID, g)
	case after > chaosResume:
		c.t.Errorf("recording %s goes on %v after the kill at %v", r.ID, after, killed)
		fallthrough
	default:
		if after > 0 { // else the last kill came in a pause behind the gap
			f.resumes = append(f.resumes, after)
		}
	}
}

// checkFiles fetches all files of a recording and looks into them.
func (c *chaos) checkFiles(t *testing.T, f *findings, r course) {
	var at time.Duration
	gaps := 0
	for i, chunk := range r.Chunks {
		length := time.Duration(chunk.DurationMs) * time.Millisecond
		if off := (r.position(chunk.StartTime) - at).Abs(); off > meets || chunk.Index < i {
			t.Errorf("chunk %d begins at %v, the one before ends at %v", chunk.Index, r.position(chunk.StartTime), at)
		}
		f.mu.Lock()
		f.files++
		f.mu.Unlock()
		m := c.fetch(t, chunk)
		if (m.length() - length).Abs() > time.Millisecond {
			t.Errorf("chunk %d lasts %v, and %v by the list", chunk.Index, m.length(), length)
		}
		beeps, heard := c.listen(t, r, m, at)
		f.mu.Lock()
		f.clean++
		f.beeps += beeps
		f.heard += heard
		f.mu.Unlock()
		gaps += len(c.metadata(t, chunk).Gaps)
		at += length
	}
	if (at - r.length()).Abs() > meets {
		t.Errorf("%v in files, of %v", at, r.length())
	}
	for _, g := range r.Gaps {
		if r.position(g.StartTime) >= r.length()-meets {
			gaps++ // nothing comes after it
		}
	}
	if gaps != len(r.Gaps) {
		t.Errorf("the metadata has %d gaps, the details %+v", gaps, r.Gaps)
	}
}

func (c *chaos) metadata(t *testing.T, chunk client.Chunk) (m engine.Metadata) {
	t.Helper()
	var doc bytes.Buffer
	_, err := c.api.DownloadMetadata(t.Context(), chunk.DocumentID, &doc)
	must(t, err)
	must(t, json.Unmarshal(doc.Bytes(), &m))
	return m
}

// table is what a run has come to, in Markdown.
func (f *findings) table(c *chaos) string {
	var b strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	row("what", "measured")
	row("---", "---")
	by := make(map[string]int)
	for _, k := range c.kills {
		by[k.what+", "+k.signal.String()]++
	}
	var kinds []string
	for kind, n := range by {
		kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
	}
	slices.Sort(kinds)
	row("kills", "%d: %s", len(c.kills), strings.Join(kinds, "; "))
	row("recordings", "%d", f.recordings)
	row("acknowledged", "%.1f s", f.acknowledged.Seconds())
	row("in files", "%.1f s", f.inFiles.Seconds())
	row("lost of what was acknowledged, by a recording in a kill", "at most %.2f s; %.2f s in all", largest(f.losses).Seconds(), sum(f.losses).Seconds())
	row("happened before a kill and in no file yet", "%.2f s on average, at most %.2f s", mean0(f.unfinished).Seconds(), largest(f.unfinished).Seconds())
	row("gaps in all", "%.1f s", f.gaps.Seconds())
	row("goes on after", "%.2f s on average, at most %.2f s", mean0(f.resumes).Seconds(), largest(f.resumes).Seconds())
	row("stops within a second of a kill", "%d, all obeyed", f.stops)
	row("files that decode cleanly", "%d of %d", f.clean, f.files)
	row("beeps heard in them", "%d of %d", f.heard, f.beeps)
	row("events", "%d, in %d requests, %d of which failed", f.distinct, f.requests, f.refused)
	row("events that never came", "%d", f.missing)
	row("events that came with two IDs", "%d", f.twice)
	return b.String()
}

func largest(all []time.Duration) (most time.Duration) {
	for _, d := range all {
		most = max(most, d)
	}
	return most
}

func sum(all []time.Duration) (total time.Duration) {
	for _, d := range all {
		total += d
	}
	return total
}

func mean0(all []time.Duration) time.Duration { return sum(all) / time.Duration(max(1, len(all))) }
