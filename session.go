package callreel

import (
	"errors"
	"fmt"
	"image"
	"log/slog"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/mixer"
)

// lookahead is how far beyond a block of sound the mixer wants its inputs.
var lookahead = timebase.FromDuration(mixer.Lookahead)

// session is the heart of a recording: it turns what has come into frames and
// sound, one frame at a time, when it is told that their time has come. It has
// no goroutine and no clock.
type session struct {
	cfg      RecordingConfig
	conv     *Conversation
	log      *slog.Logger
	timeline timeline
	frameLen timebase.Ticks
	delay    timebase.Ticks
	grace    timebase.Ticks // how long a seat is kept for somebody who left

	members   []presence // also those who left, for as long as their seats are kept
	version   uint64
	seats     []seat
	places    map[string]int // of seats, by participant
	stays     []*stay        // of everybody who was there, in order of joining
	voices    map[*track]*voice
	cameras   map[*track]*camera
	heard     []*voice  // those of this frame, in the order of members and tracks
	watched   []*camera // likewise
	live      map[*track]bool
	fresh     []*layer // the first ones of new tracks
	retired   []finished
	past      Counters       // of the tracks that are over
	concluded map[string]int // how many those are, by participant
	budgets   map[string]*budgets
	limits    Limits
	alarms    []Alarm // all that were raised
	news      []Event // about alarms, for the owner to tell
	gaps      spans

	unwritable, slow int // places in alarms of those about the spool, counted from 1
	overloaded       int // likewise of that about overload

	flowed timebase.Ticks // position, were it not late, of the newest tick that saw packets of anybody come

	mixer   *mixer.Mixer
	filters filters
	comp    *compositor.Compositor
	scaler  *codec.Scaler
	tiles   []compositor.Tile
	views   []view // what is in the tiles
	pcm     []int16
	out     *output
	probe   *probe.Probe

	ladder   ladder
	overload Overload
	behind   timebase.Ticks // how late this frame is
	draw     bool           // it gets a new picture
	drawn    timebase.Ticks // position of the newest one that did
	canvas   *image.YCbCr   // with that picture; nil: there is none yet

	first   int64          // number of the first frame
	frame   int64          // number of the next one
	stopped timebase.Ticks // local time of the end; never, while it goes on
	end     int64          // frames in the recording, once it is stopped
	stats   Stats
	late    lateness
}

func newSession(cfg RecordingConfig, eng *Engine, from origin, out *output) (*session, error) {
	scaler := new(codec.Scaler)
	comp, err := compositor.New(compositor.Config{
		Width: cfg.Width, Height: cfg.Height,
		Scaler: scaler, Fonts: eng.fonts, EmptyText: cfg.EmptyText,
	})
	if err != nil {
		return nil, err
	}
	return &session{
		cfg: cfg, log: eng.cfg.Logger.With("recording", cfg.ID),
		timeline: from.timeline,
		first:    from.frame, frame: from.frame,
		frameLen:  cfg.frameLen(),
		ladder:    newLadder(cfg.frameLen()),
		delay:     timebase.FromDuration(cfg.Delay),
		grace:     timebase.FromDuration(max(0, cfg.RejoinGrace)),
		places:    make(map[string]int),
		voices:    make(map[*track]*voice),
		cameras:   make(map[*track]*camera),
		live:      make(map[*track]bool),
		concluded: make(map[string]int), budgets: make(map[string]*budgets), limits: eng.cfg.Limits,
		stopped: never,
		filters: make(filters),
		mixer:   mixer.New(mixer.Config{Rate: mixRate, Start: from.sample(cfg)}),
		comp:    comp, scaler: scaler, out: out,
	}, nil
}

// due returns the local time at which the next frame is to be made, never if
// there is none until something else happens.
func (s *session) due() timebase.Ticks {
	if s.finished() {
		return never
	}
	end := min(s.timeline.end(s.position()+s.frameLen), s.stopped)
	if end == never {
		return never
	}
	return end + s.delay
}

// finished reports whether all frames up to the end are made.
func (s *session) finished() bool { return s.stopped != never && s.frame >= s.end }

// position returns how much is made.
func (s *session) position() timebase.Ticks { return timebase.Ticks(s.frame) * s.frameLen }

// step makes the next frame and the sound that goes with it.
func (s *session) step(now timebase.Ticks) error {
	from := s.position()
	to := from + s.frameLen
	at := s.timeline.local(from)
	s.plan(now)
	s.refresh(at - s.grace)
	s.pull(now, at, s.soundLimit(to))
	if err := s.pictureAt(from, at); err != nil {
		return err
	}
	if err := s.mixTo(from, to); err != nil {
		return err
	}
	s.frame++
	s.watchOutput(false)
	return nil
}

// soundLimit returns the local time before which sound is wanted for a block that ends at to.
func (s *session) soundLimit(to timebase.Ticks) timebase.Ticks {
	limit := s.timeline.end(to + lookahead)
	if limit == never { // the block reaches a pause that still lasts, or the end
		limit = min(s.timeline.end(to), s.stopped)
	}
	return limit
}

// refresh takes in the roster, without those who left before local time at.
func (s *session) refresh(at timebase.Ticks) {
	version := s.version
	s.members, s.version = s.conv.roster(s.members, version, at)
	if version == s.version {
		return
	}
	known := uint64(0)
	if n := len(s.stays); n > 0 {
		known = s.stays[n-1].number
	}
	for _, m := range s.members {
		if m.number > known {
			s.stays = append(s.stays, m.stay)
		}
	}
}

// pull moves what is due from the tracks into the decoders. Pictures are wanted
// up to local time at, sound up to limit.
func (s *session) pull(now, at, limit timebase.Ticks) {
	clear(s.live)
	s.watched, s.heard = s.watched[:0], s.heard[:0]
	defer s.probe.Enter(s.probe.Enter(probe.Receive))
	for i := range s.members {
		m := &s.members[i]
		s.equip(m.member)
		first := len(s.watched)
		s.pullMember(m.member, now, at, limit)
		m.cameras = s.watched[first:]
	}
	if s.draw {
		s.probe.Enter(probe.DecodeVideo)
		s.look(at)
	}
	s.probe.Enter(probe.DecodeAudio)
	for _, v := range s.heard {
		v.feed.ask()
		s.play(v)
	}
	s.retire()
}

func (s *session) pullMember(m *member, now, at, limit timebase.Ticks) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(at - max(s.grace, staleAfter)) // a replaced track stands in for its successor
	allowed := s.budget(m.id, s.position())
	for _, t := range m.tracks {
		s.live[t] = true
		if t.kind == ingest.Audio {
			if v := s.voices[t]; v != nil {
				v.feed.pull(now, limit+v.lag())
				v.beat, v.budget = t.pulse(), &allowed.sound
				s.heard = append(s.heard, v)
			}
			continue
		}
		if c := s.cameras[t]; c != nil {
			c.budget = &allowed.sight
			s.pullCamera(c, now, at)
			s.watched = append(s.watched, c)
		}
	}
}

// equip opens decoders for the new tracks of a member, whose packets go on
// coming meanwhile.
func (s *session) equip(m *member) {
	m.mu.Lock()
	fresh := s.fresh[:0]
	for _, t := range m.tracks {
		_, heard := s.voices[t]
		_, watched := s.cameras[t]
		if !heard && !watched {
			fresh = append(fresh, t.layers[0])
		}
	}
	m.mu.Unlock()
	for _, l := range fresh {
		if err := s.decode(l); err != nil {
			s.log.Error("can't decode a track", "track", l.info.ID, "error", err)
		}
	}
	s.fresh = fresh
}

// decode opens the decoder for the track of which l is the first layer. One that
// can't be decoded has nil in its place.
func (s *session) decode(l *layer) (err error) {
	if t := l.track; t.kind == ingest.Audio {
		s.voices[t], err = newVoice(l, s.mixer, s.filters)
	} else {
		s.cameras[t], err = newCamera(l, place{image.Pt(s.cfg.Width, s.cfg.Height), t.role == ingest.Camera}, s.limits.Pixels)
	}
	return err
}

// play decodes the sound that was pulled, of a tick, which bounds how much it is.
func (s *session) play(v *voice) {
	if len(v.feed.due) == 0 {
		return
	}
	v.budget.spend(func() {
		for _, u := range v.feed.due {
			if pos, recorded := s.timeline.position(u.at); recorded {
				v.play(u.Unit, int64(pos/sampleTicks), int64(s.timeline.left(u.at)/sampleTicks))
			}
		}
	})
}

// pictureAt draws and encodes the frame at position pos, local time at, or
// repeats the picture before it.
func (s *session) pictureAt(pos, at timebase.Ticks) error {
	s.stats.Frames++
	fresh := false
	if s.draw {
		var err error
		if fresh, err = s.compose(pos, at); err != nil {
			return err
		}
	} else {
		s.examine(pos)
		s.stats.HeldFrames++
	}
	if !fresh {
		s.stats.RepeatedFrames++
	}
	s.probe.Composed(s.frame, s.canvas)
	s.out.ending = s.stopped == never && s.timeline.end(pos+soundHeld) == never
	return s.out.video(s.canvas, s.frame, s.frameKind(fresh))
}

// compose draws the picture of the frame at position pos, local time at.
// fresh says that it is not the one before.
func (s *session) compose(pos, at timebase.Ticks) (fresh bool, err error) {
	s.tiles, s.views = s.tiles[:0], s.views[:0]
	s.seat(at)
	for i := range s.seats {
		s.addTiles(&s.seats[i], pos, at)
	}
	if err := s.arrange(); err != nil {
		return false, err
	}
	s.examine(pos)
	s.probe.Enter(probe.Compose)
	canvas, changed, err := s.comp.Compose(s.tiles)
	s.probe.Enter(probe.Other)
	switch {
	case errors.Is(err, compositor.ErrDuplicateKey) || errors.Is(err, compositor.ErrLayout):
		return false, fmt.Errorf("compose frame %d: %w", s.frame, err)
	case err != nil: // of one participant's picture, in whose place is the avatar
		s.log.Warn("a picture can't be drawn", "frame", s.frame, "error", err)
	}
	s.canvas = canvas
	return len(changed) > 0, nil
}

// mixTo mixes and encodes the sound between two positions.
func (s *session) mixTo(from, to timebase.Ticks) error {
	first, last := int64(from/sampleTicks), int64(to/sampleTicks)
	if n := int(last - first); cap(s.pcm) < n {
		s.pcm = make([]int16, n)
	}
	s.pcm = s.pcm[:last-first]
	was := s.probe.Enter(probe.Mix)
	s.mixer.MixAt(first, s.pcm)
	s.probe.Enter(was)
	return s.out.audio(s.pcm)
}

// pause stops taking in what is captured from local time at on.
func (s *session) pause(at timebase.Ticks) timebase.Ticks {
	from := s.timeline.pause(at)
	pos, _ := s.timeline.position(from)
	s.mixer.Cut(int64(pos / sampleTicks))
	return from
}

// resume goes on at local time at. What came before the pause is kept; video
// goes on with a key frame.
func (s *session) resume(at timebase.Ticks) {
	s.timeline.resume(at)
	for _, v := range s.voices {
		if v != nil {
			v.feed.drain()
		}
	}
	for _, c := range s.cameras {
		if c != nil {
			for _, l := range c.layers {
				l.drain()
			}
		}
	}
}

// stop sets the end at local time at, rounded up to a whole frame. Nothing
// captured later is recorded.
func (s *session) stop(at timebase.Ticks) timebase.Ticks {
	s.stopped = s.timeline.pause(at)
	pos, _ := s.timeline.position(s.stopped)
	s.mixer.Cut(int64(pos / sampleTicks))
	s.end = int64(pos.Ceil(s.frameLen) / s.frameLen)
	return s.stopped
}

// close frees the decoders. Closing twice is harmless.
func (s *session) close() {
	clear(s.live)
	s.retire()
	s.scaler.Close()
}
