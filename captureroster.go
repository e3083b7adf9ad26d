package callreel

import (
	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/timebase"
)

// enter writes a member who is there already, with the live layers. The locks
// of the conversation and of the member are held.
func (t *tap) enter(m *member) {
	if t == nil {
		return
	}
	t.join(m)
	for _, tr := range m.tracks {
		for _, l := range tr.layers {
			if !l.over() {
				t.open(l, t.clock.now())
			}
		}
	}
}

// join writes that a member has come.
func (t *tap) join(m *member) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.joined++
	t.stays[m] = &tappedStay{number: t.joined}
	t.about(m, capture.Join, m.joined)
}

// rename writes that a member has another name.
func (t *tap) rename(m *member, now timebase.Ticks) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.about(m, capture.Rename, now)
}

// leave writes that a member has gone.
func (t *tap) leave(m *member) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.about(m, capture.Leave, m.left)
	delete(t.stays, m)
}

// about writes what a member did at that time; t.mu is held.
func (t *tap) about(m *member, what capture.Type, at timebase.Ticks) {
	if s := t.stays[m]; s != nil {
		t.roster(at, capture.Event{Type: what, Flow: capture.Flow{Stay: s.number}, Participant: m.id, Name: m.name})
	}
}

// open writes that a layer has come.
func (t *tap) open(l *layer, now timebase.Ticks) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stays[l.member]
	if s == nil || s.layers == capture.MaxLayers {
		return
	}
	tl := &tappedLayer{flow: capture.Flow{Stay: s.number, Layer: s.layers}}
	s.layers++
	t.layers[l] = tl
	t.roster(now, capture.Event{Type: capture.Added, Flow: tl.flow, Track: capture.TrackOf(l.info)})
}

// shut writes that a layer was closed.
func (t *tap) shut(l *layer, now timebase.Ticks) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if tl := t.layers[l]; tl != nil {
		delete(t.layers, l)
		t.roster(now, capture.Event{Type: capture.Closed, Flow: tl.flow})
	}
}

// roster writes a change of the roster, or keeps it while the recording is
// paused or about to be; t.mu is held.
func (t *tap) roster(at timebase.Ticks, e capture.Event) {
	e.At = t.clock.time(at)
	if t.paused || t.holding {
		if len(t.later) == captureLater {
			t.lost++
			return
		}
		t.later = append(t.later, e)
		return
	}
	t.put(t.clock.now(), e)
}

// hold keeps back what comes until pause says what of it belongs to the pause.
func (t *tap) hold() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holding = true
}

// pause writes that the recording was paused now: nothing that was captured from
// local time from on is written.
func (t *tap) pause(now, from timebase.Ticks) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holding = false
	for _, b := range t.held {
		if b.at < from {
			t.add(b.at, capturePending, func(dst []byte) ([]byte, error) { return append(dst, b.data...), nil })
		}
	}
	t.held = nil
	t.command(now, capture.Pause, "")
	t.paused = true
}

// resume writes what the roster came to meanwhile, and that the recording goes on.
func (t *tap) resume(now timebase.Ticks) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.goOn(now)
	t.command(now, capture.Resume, "")
}

// stop writes that the recording was told to stop.
func (t *tap) stop(now timebase.Ticks, why EndReason) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.goOn(now)
	t.command(now, capture.Stop, string(why))
}

// goOn writes the roster's changes of a pause; t.mu is held.
func (t *tap) goOn(now timebase.Ticks) {
	for _, e := range t.later {
		t.put(now, e)
	}
	t.paused, t.later = false, nil
}

func (t *tap) command(now timebase.Ticks, what capture.Type, reason string) {
	t.put(now, capture.Event{Type: what, At: t.clock.time(now), Reason: reason})
}
