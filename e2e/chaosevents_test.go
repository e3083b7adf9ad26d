package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
)

const (
	fileTold  = "Microsoft.Communication.RecordingFileStatusUpdated"
	stateTold = "Microsoft.Communication.RecordingStateChanged"
	began     = "Microsoft.Communication.CallStarted"
	endedCall = "Microsoft.Communication.CallEnded"
)

// checkEvents waits until everything was told, and checks that nothing is missing and
// nothing came under two IDs.
func (c *chaos) checkEvents(f *findings, courses []course) {
	c.t.Helper()
	var left []string
	wait(c.t, 2*time.Minute, func() bool {
		left = c.untold(courses)
		return len(left) == 0
	})
	f.missing = len(left)
	if f.missing > 0 {
		c.t.Errorf("%d events never came: %s", len(left), strings.Join(left[:min(len(left), 20)], ", "))
	}
	all, requests := c.hook.events()
	f.distinct, f.requests = len(all), requests
	logical := make(map[string]string)
	for id, e := range all {
		f.refused += e.times - e.taken
		key := e.logical()
		if other, ok := logical[key]; ok {
			f.twice++
			c.t.Errorf("%s is told as %s and as %s", key, id, other)
		}
		logical[key] = id
	}
}

// logical names what an event is about: there should be one event of it.
func (e told) logical() string {
	d := e.data
	switch e.what {
	case fileTold:
		return e.what + " " + d.RecordingID
	case began, endedCall:
		return e.what + " " + d.CorrelationID
	case "Microsoft.Communication.CallLegStateChanged":
		return e.what + " " + d.CallLegID + " " + d.CallState
	default:
		return fmt.Sprint(e.what, " ", d.CorrelationID, d.RecordingID, " ", d.ParticipantID, d.State, " ", e.at)
	}
}

// untold returns what should have been told and was not.
func (c *chaos) untold(courses []course) (left []string) {
	all, _ := c.hook.events()
	for e, err := range c.api.Events(c.t.Context(), client.EventFilter{}) {
		must(c.t, err)
		if all[e.Event.ID].taken == 0 {
			left = append(left, e.Event.Type+" "+e.Event.ID)
		}
	}
	files, states, calls := make(map[string]bool), make(map[string][]told), make(map[string]int)
	for _, e := range all {
		switch {
		case e.taken == 0:
		case e.what == fileTold:
			files[e.data.RecordingID] = true
		case e.what == stateTold:
			states[e.data.RecordingID] = append(states[e.data.RecordingID], e)
		case e.what == began:
			calls[e.data.CorrelationID]++
		case e.what == endedCall:
			calls[e.data.CorrelationID]--
		}
	}
	for _, r := range courses {
		id := r.ID
		if !files[id] && len(r.Chunks) > 0 {
			left = append(left, "the files of "+id)
		}
		if what := wrongStates(states[id]); what != "" {
			left = append(left, "states of "+id+": "+what)
		}
	}
	for call, n := range calls {
		if n != 0 {
			left = append(left, fmt.Sprintf("call %s: %d more begins than ends", call, n))
		}
	}
	return left
}

// wrongStates says what is wrong with the changes of a recording's state.
func wrongStates(all []told) string {
	slices.SortFunc(all, func(a, b told) int { return a.at.Compare(b.at) })
	var words []string
	for _, e := range all {
		words = append(words, e.data.State)
	}
	want := "active"
	for _, w := range words {
		if w != want {
			return strings.Join(words, " ")
		}
		want = map[string]string{"active": "inactive", "inactive": "active"}[want]
	}
	if len(words) == 0 || want != "active" {
		return strings.Join(words, " ") + " ..."
	}
	return ""
}

// wait waits until a condition holds, but not for ever.
func wait(t *testing.T, limit time.Duration, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.After(limit); !cond(); {
		select {
		case <-tick.C:
		case <-end:
			return
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}
