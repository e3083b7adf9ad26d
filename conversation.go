package callreel

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// Conversation is a call: a roster of participants and their tracks, which are
// there whether or not a recording is attached. It implements [ingest.Sink] and
// is safe for concurrent use.
type Conversation struct {
	id  string
	eng *Engine

	mu      sync.Mutex
	members []*member // in order of joining; with a recording attached also those who left lately
	rec     *Recording
	gate    gate
	version uint64         // changes with members
	added   uint64         // layers so far
	joined  uint64         // stays so far
	call    string         // id of the call; empty before the first stay
	visits  map[string]int // how often each participant has joined
}

var _ ingest.Sink = (*Conversation)(nil)

// ConversationInfo is a snapshot of a conversation.
type ConversationInfo struct {
	ID           string
	Call         string // the id of the call; empty if nobody has been in it
	Participants []ParticipantInfo
	Recording    *Recording // nil if none is attached
}

// ID returns the conversation's id.
func (c *Conversation) ID() string { return c.id }

// Info returns a snapshot.
func (c *Conversation) Info() ConversationInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := ConversationInfo{ID: c.id, Call: c.call, Recording: c.rec}
	for _, m := range c.members {
		if m.left == never {
			info.Participants = append(info.Participants, m.info(c.eng.clock))
		}
	}
	return info
}

// enter returns the conversation that the engine knows by this id, locked. It
// is c itself, unless c ended, or another began, since c was looked up.
func (c *Conversation) enter() *Conversation {
	for {
		cur := c.eng.enlist(c)
		cur.mu.Lock()
		if known, ok := c.eng.Lookup(c.id); ok && known == cur {
			return cur
		}
		cur.mu.Unlock()
	}
}

// Join puts a participant on the roster until leave was called as often as Join.
func (c *Conversation) Join(p ingest.Participant) (leave func(), err error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c = c.enter()
	defer c.mu.Unlock()
	m, err := c.join(p)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { c.leave(m) }), nil
}

// join counts a participant in, if the limits allow; c.mu is held.
func (c *Conversation) join(p ingest.Participant) (*member, error) {
	i := slices.IndexFunc(c.members, func(m *member) bool { return m.id == p.ID && m.left == never })
	if i >= 0 {
		m := c.members[i]
		m.joins++
		if p.Name != "" && p.Name != m.name {
			m.name = p.Name
			c.version++
			c.gate.tap.rename(m, c.eng.clock.now())
		}
		return m, nil
	}
	if err := c.admit(p.ID); err != nil {
		return nil, err
	}
	m := newMember(p, c.eng.clock.now(), c.gate)
	c.joined++
	m.number = c.joined
	c.members = append(c.members, m)
	c.version++
	c.gate.tap.join(m)
	if c.call == "" {
		c.call = newID()
		c.tell(CallStarted, m)
	}
	c.tell(ParticipantJoined, m)
	return m, nil
}

// admit counts a stay of a participant, unless there are too many; c.mu is held.
func (c *Conversation) admit(id string) error {
	present := 0
	for _, m := range c.members {
		if m.left == never {
			present++
		}
	}
	switch {
	case present >= c.eng.cfg.Limits.Participants:
		return fmt.Errorf("%w: %d participants", ErrLimit, present)
	case c.visits[id] >= maxStays:
		return fmt.Errorf("%w: %d stays of one participant", ErrLimit, maxStays)
	case c.visits == nil:
		c.visits = make(map[string]int)
	}
	c.visits[id]++
	return nil
}

// tell tells of a member's coming or going; c.mu is held.
func (c *Conversation) tell(what EventType, m *member) {
	e := Event{Type: what, Time: c.eng.clock.read(), Conversation: c.id, Call: c.call}
	if m != nil {
		info := m.info(c.eng.clock)
		e.Participant = &info
	}
	c.eng.cfg.OnEvent(e)
}

func (c *Conversation) leave(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retreat(m)
}

// retreat counts a participant out; c.mu is held.
func (c *Conversation) retreat(m *member) {
	if m.joins--; m.joins > 0 {
		return
	}
	m.left = c.eng.clock.now()
	c.version++
	c.gate.tap.leave(m)
	c.tell(ParticipantLeft, m)
	switch {
	case c.rec == nil:
		c.prune(never)
	case m.joined >= c.gate.until: // within a pause: nobody has seen them
		c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	}
}

// prune forgets members who left before at; c.mu is held.
func (c *Conversation) prune(at timebase.Ticks) {
	n := len(c.members)
	c.members = slices.DeleteFunc(c.members, func(m *member) bool { return m.left < at })
	if len(c.members) != n {
		c.version++
	}
	if len(c.members) == 0 && c.rec == nil && c.eng.forget(c) && c.call != "" {
		c.tell(CallEnded, nil)
		c.call, c.visits = "", nil // the next one is another
	}
}

// AddTrack announces a track of a participant, or a simulcast layer of one.
func (c *Conversation) AddTrack(info ingest.TrackInfo) (ingest.Writer, error) {
	if err := info.Normalise(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	codec, err := ingest.CodecByMime(info.MimeType)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c = c.enter()
	defer c.mu.Unlock()
	m, err := c.join(info.Participant)
	if err != nil {
		return nil, err
	}
	l := &layer{info: info, codec: codec, member: m, conv: c, number: c.added + 1}
	now := c.eng.clock.now()
	if err := m.add(l, now, c.eng.cfg.Limits.Tracks); err != nil {
		c.retreat(m)
		return nil, err
	}
	c.added++
	c.gate.tap.open(l, now)
	return l, nil
}

// attach makes rec the recording of the conversation that is known by this id,
// and opens the gate.
func (c *Conversation) attach(rec *Recording, g gate) error {
	c = c.enter()
	defer c.mu.Unlock()
	if c.rec != nil {
		return ErrBusy
	}
	c.rec, rec.conv = rec, c
	c.setGate(g)
	return nil
}

// detach ends what attach began.
func (c *Conversation) detach(rec *Recording) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rec != rec {
		return
	}
	c.rec = nil
	c.setGate(gate{})
	c.prune(never)
}

// pass changes what the gate lets through.
func (c *Conversation) pass(g gate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setGate(g)
}

func (c *Conversation) setGate(g gate) {
	c.gate = g
	for _, m := range c.members {
		m.setGate(g)
	}
}

// presence is a member as it was when the roster was looked at.
type presence struct {
	*member
	label        string
	joined, left timebase.Ticks
	cameras      []*camera // that were pulled
}

// roster returns the members if they changed since version, those who left
// before at no longer among them.
func (c *Conversation) roster(dst []presence, version uint64, at timebase.Ticks) ([]presence, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prune(at)
	if c.version == version {
		return dst, version
	}
	dst = dst[:0]
	for _, m := range c.members {
		dst = append(dst, presence{member: m, label: cmp.Or(m.name, m.id), joined: m.joined, left: m.left})
	}
	return dst, c.version
}

// present returns how many participants are in the call.
func (c *Conversation) present() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, m := range c.members {
		if m.left == never {
			n++
		}
	}
	return n
}

// localClock counts ticks since an epoch. Local times are its readings.
type localClock struct {
	epoch time.Time
	read  func() time.Time // time.Now, unless a script says what time it is
}

func (c localClock) now() timebase.Ticks { return c.at(c.read()) }

func (c localClock) at(t time.Time) timebase.Ticks { return timebase.FromDuration(t.Sub(c.epoch)) }

// time returns the first nanosecond of a tick, so that at gives the tick again.
func (c localClock) time(t timebase.Ticks) time.Time { return c.epoch.Add(-(-t).Duration()) }

// infos describes stays, also those that are over.
func (c *Conversation) infos(stays []*stay) []ParticipantInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]ParticipantInfo, 0, len(stays))
	for _, s := range stays {
		out = append(out, s.info(c.eng.clock))
	}
	return out
}
