package callreel

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// gate is the span of local time whose media is let through to the recording.
// The zero gate is shut: without a recording, packets only keep the clocks.
type gate struct {
	from, until timebase.Ticks
	tap         *tap // takes what is let through and changes of the roster; may be nil
	resumed     bool // before from is a pause
}

func (g gate) shut() bool { return g.from == g.until }

func (g gate) passes(at timebase.Ticks) bool { return g.from <= at && at < g.until }

// stay is one stay of a participant in a call, guarded by the conversation. It is
// all that a recording remembers of somebody who has left.
type stay struct {
	number   uint64 // in the order of joining, from 1
	id, name string
	joined   timebase.Ticks
	left     timebase.Ticks // never, while present
}

// member is a participant during a stay. What is above mu is guarded by the
// conversation; mu is held for moments only, so that whoever brings packets
// never waits for a decoder.
type member struct {
	*stay
	joins int

	mu     sync.Mutex
	sync   timebase.Sync
	gate   gate
	tracks []*track  // also those that ended lately, until the recording has used them up
	intake [2]intake // by kind
}

func newMember(p ingest.Participant, now timebase.Ticks, g gate) *member {
	return &member{stay: &stay{id: p.ID, name: p.Name, joined: now, left: never}, joins: 1, gate: g}
}

func (s *stay) info(clock localClock) ParticipantInfo {
	info := ParticipantInfo{ID: s.id, Name: s.name, Joined: clock.time(s.joined)}
	if s.left != never {
		info.Left = clock.time(s.left)
	}
	return info
}

// track is a track with its layers: one, or several of a simulcast.
type track struct {
	number uint64 // in the order of coming
	id     string
	kind   ingest.Kind
	role   ingest.Role
	ended  timebase.Ticks // never, while it lives
	layers []*layer
}

// layer is a stream of packets. It is the writer that a source gets.
type layer struct {
	info   ingest.TrackInfo
	codec  *ingest.Codec
	member *member
	conv   *Conversation
	number uint64 // of those added to the conversation

	// Guarded by member.mu.
	track    *track
	closed   bool
	clock    *timebase.Map
	ssrc     uint32
	started  bool
	early    *rtcp.SenderReport // of a stream of which no packet has come yet
	red      redReports
	receiver *ingest.Receiver   // nil while the gate is shut
	report   *rtcp.SenderReport // the newest; none of a pause that is captured
	unwanted bool               // another layer is used: ask for no key frames
	unused   lossMeter          // while unwanted
	seam     seam
	arrived  timebase.Ticks // when the newest packet came
	tail     tail
	excess   uint64 // packets beyond the limits
}

var _ ingest.Writer = (*layer)(nil)

// add puts a layer into its track, or into a new one that takes the old one's
// place, unless there are too many.
func (m *member) add(l *layer, now timebase.Ticks, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if live, all := m.count(); live >= limit || all >= limit*endedTracks {
		return fmt.Errorf("%w: %d tracks of a participant, and %d that ended lately", ErrLimit, live, all-live)
	}
	l.clock = m.sync.NewMap(timebase.Rate(l.info.ClockRate))
	l.open(m.gate)
	t := m.live(l.info.ID)
	if t != nil && (l.info.RID == "" || t.has(l.info.RID)) {
		t.ended = now
		t = nil
	}
	if t == nil {
		t = &track{number: l.number, id: l.info.ID, kind: l.codec.Kind, role: l.info.Role, ended: never}
		m.tracks = append(m.tracks, t)
	}
	t.layers = append(t.layers, l)
	l.track = t
	return nil
}

func (m *member) live(id string) *track {
	i := slices.IndexFunc(m.tracks, func(t *track) bool { return t.id == id && t.ended == never })
	if i < 0 {
		return nil
	}
	return m.tracks[i]
}

func (t *track) has(rid string) bool {
	return slices.ContainsFunc(t.layers, func(l *layer) bool { return l.info.RID == rid && !l.closed })
}

// pulse begins what a tick sees of a track; member.mu is held.
func (t *track) pulse() (p pulse) {
	for _, l := range t.layers {
		if l.receiver != nil {
			r := l.receiver.Stats()
			p.packets += r.Packets
			p.drops += r.FramesDropped
		}
	}
	p.excess = t.excess()
	p.loud, p.over = t.kind == ingest.Video, t.ended != never
	return p
}

// gone returns the tracks that are not live, in the order of coming, so that what
// is done with them has the same result each time.
func gone[V any](tracks map[*track]V, live map[*track]bool) []*track {
	var out []*track
	for t := range tracks {
		if !live[t] {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *track) int { return cmp.Compare(a.number, b.number) })
	return out
}

// over reports whether the layer was closed or its track replaced.
func (l *layer) over() bool { return l.closed || l.track.ended != never }

// remove closes a layer, unless it is closed; the track ends with its last one.
func (m *member) remove(l *layer, now timebase.Ticks) (removed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	m.gate.tap.shut(l, now)
	for _, t := range m.tracks {
		open := slices.ContainsFunc(t.layers, func(l *layer) bool { return !l.closed })
		if t.ended == never && !open {
			t.ended = now
		}
	}
	if m.gate.until != never {
		m.tracks = slices.DeleteFunc(m.tracks, func(t *track) bool { return t.ended != never && !t.heard() })
	}
	return true
}

// heard reports whether a recording was let have anything of the track. In a
// pause nothing is added to that.
func (t *track) heard() bool {
	return slices.ContainsFunc(t.layers, func(l *layer) bool { return l.receiver != nil && l.receiver.Stats().Packets > 0 })
}

// forget drops the tracks that ended before at; mu is held.
func (m *member) forget(at timebase.Ticks) {
	m.tracks = slices.DeleteFunc(m.tracks, func(t *track) bool { return t.ended < at })
}

func (m *member) setGate(g gate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g.tap != m.gate.tap {
		g.tap.enter(m)
	}
	reopened := g.from != m.gate.from
	m.gate = g
	if g.shut() {
		m.forget(never)
	}
	for _, t := range m.tracks {
		for _, l := range t.layers {
			l.open(g)
			l.tail = tail{}
			if reopened {
				l.seam = seam{}
			}
		}
	}
}

// open makes the receiver that a recording needs, or drops it with the recording.
func (l *layer) open(g gate) {
	switch {
	case g.shut():
		l.receiver, l.unused = nil, lossMeter{}
	case l.receiver == nil:
		l.receiver = ingest.NewReceiver(ingest.ReceiverConfig{
			Codec: l.codec, Fmtp: l.info.Fmtp, Payloads: l.info.Payloads, Extensions: l.info.Extensions,
			MaxWait: maxWait(l.conv.rec.session.delay),
		})
	}
}

// decodeMargin is what decoding may take of the composing delay.
const decodeMargin = 150 * timebase.Millisecond

// maxWait is how long a missing packet is of use, of which part is left to
// decoding even where the delay is short.
func maxWait(delay timebase.Ticks) timebase.Ticks { return max(delay-decodeMargin, delay/2) }

// WriteRTP takes a packet. It keeps the clocks in any case; the payload goes on
// only if it was captured while a recording is active.
func (l *layer) WriteRTP(p *rtp.Packet, arrival time.Time) error {
	now := l.conv.eng.clock.at(arrival)
	ask, missing, err := l.write(p, now)
	if ask && l.info.RequestKeyFrame != nil {
		l.info.RequestKeyFrame()
	}
	if len(missing) > 0 {
		l.info.RequestPackets(missing)
	}
	return err
}

// write also says what to ask the sender for.
func (l *layer) write(p *rtp.Packet, now timebase.Ticks) (keyFrame bool, missing []uint16, err error) {
	m := l.member
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.over() {
		return false, nil, ingest.ErrClosed
	}
	if !l.admits(len(p.Payload), now) {
		return false, nil, nil
	}
	if !l.started || p.SSRC != l.ssrc {
		l.begin(p.SSRC)
	}
	l.red.packet(p, l.info.Payloads.RED, now)
	if sr := l.early; sr != nil && sr.SSRC == l.ssrc {
		l.early = nil
		l.relate(sr, now)
	}
	l.clock.Observe(p.Timestamp, now)
	l.arrived = now
	if l.receiver == nil {
		return false, nil, nil
	}
	switch at := l.captured(p.Timestamp, now); {
	case at >= m.gate.until:
		l.tail.add(p.SequenceNumber)
	case m.gate.passes(at) && l.seam.admit(l, p):
		m.gate.tap.rtp(l, p, now, at)
		l.receiver.Push(p, now)
	}
	keyFrame = m.gate.until == never && !l.unwanted && l.receiver.WantKeyFrame(now)
	return keyFrame, l.missing(now, nil), nil
}

// begin makes ssrc the stream that the layer is of.
func (l *layer) begin(ssrc uint32) {
	if l.started {
		l.clock.Reset()
	}
	l.started, l.ssrc, l.seam, l.red = true, ssrc, seam{}, redReports{}
}

// WriteRTCP takes control packets. Sender reports of other streams are ignored,
// but a report may come before the first packet of its stream.
func (l *layer) WriteRTCP(ps []rtcp.Packet, arrival time.Time) error {
	now := l.conv.eng.clock.at(arrival)
	m := l.member
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.over() {
		return ingest.ErrClosed
	}
	for _, p := range ps {
		sr, ok := p.(*rtcp.SenderReport)
		switch {
		case !ok:
		case !l.admits(reportBytes, now):
		case l.started && sr.SSRC == l.ssrc:
			l.relate(sr, now)
		default:
			l.early = sr
		}
	}
	return nil
}

// relate takes in a report of the stream, and remembers it for a capture or
// gives it to the one that is made.
func (l *layer) relate(sr *rtcp.SenderReport, now timebase.Ticks) {
	if at, ok := l.red.correct(sr.RTPTime, now); ok {
		l.clock.Report(sr.NTPTime, at)
	}
	g := l.member.gate
	if g.tap == nil || g.passes(now) {
		l.report = sr
		g.tap.rtcp(l, sr, now)
	}
}

// Close ends the layer, and the track with its last one.
func (l *layer) Close() error {
	if l.member.remove(l, l.conv.eng.clock.now()) {
		l.conv.leave(l.member)
	}
	return nil
}

// describe begins the report of the layer's track.
func (l *layer) describe(d decodeStats) TrackReport {
	return TrackReport{
		Track: l.info.ID, Kind: l.codec.Kind.String(), Role: l.info.Role.String(), MimeType: l.info.MimeType,
		Decoded: d.decoded, DecodeErrors: d.errors, Oversize: d.oversize, Withheld: d.withheld,
	}
}

// stats returns what the receiver and the clock measured.
func (l *layer) stats() LayerStats {
	l.member.mu.Lock()
	defer l.member.mu.Unlock()
	clock := l.clock.Stats()
	s := LayerStats{
		RID: l.info.RID, SenderReports: uint64(clock.Reports), OddReports: uint64(clock.Outliers),
		Excess: l.excess, ClockJumps: uint64(clock.Jumps), ClockSteps: uint64(clock.NTPSteps), DelaySpread: l.clock.Spread().Duration(),
	}
	s.ClockDrift, _ = l.clock.Drift()
	if l.receiver != nil {
		r := l.receiver.Stats()
		unused := l.lostUnused(r.Lost)
		s.Packets, s.Bytes, s.Lost, s.LostUnused, s.Late = r.Packets, r.Bytes, r.Lost-unused, unused, r.Late
		s.Recovered, s.Repaired = r.Recovered, r.Repaired
		s.Duplicate, s.Malformed = r.Duplicate, r.Malformed
		s.KeyFrames, s.Freezes, s.SSRCChanges = r.KeyFrames, r.Freezes, r.SSRCChanges
	}
	return s
}
