package callreel

import (
	"fmt"
	"image"
	"slices"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// seat is a participant's place on the canvas. Somebody who comes back soon
// after leaving, as after a lost connection or a reload of a page, has it still.
type seat struct {
	id, label string
	stays     []*member // in order of joining; the last may be over
	away      bool      // it is
	faces     []*camera // of all stays, in order
	screens   []*camera // likewise
}

// view is what a tile shows.
type view struct {
	cameras []*camera // whose place it is
	picture *camera   // whose picture is in it, nil if it is an avatar
}

// seat finds who has a tile at local time at.
func (s *session) seat(at timebase.Ticks) {
	s.seats = s.seats[:0]
	clear(s.places)
	for i := range s.members {
		m := &s.members[i]
		if at < m.joined || at-s.grace >= m.left {
			continue
		}
		st := s.seatOf(m.id)
		st.label, st.away = m.label, at >= m.left
		st.stays = append(st.stays, m.member)
		for _, c := range m.cameras {
			if c.track.role == ingest.Camera {
				st.faces = append(st.faces, c)
			} else {
				st.screens = append(st.screens, c)
			}
		}
	}
}

// seatOf returns the seat of a participant, a new one if there is none.
func (s *session) seatOf(id string) *seat {
	i, known := s.places[id]
	if known {
		return &s.seats[i]
	}
	n := len(s.seats)
	s.places[id] = n
	if n == cap(s.seats) {
		s.seats = append(s.seats, seat{id: id})
		return &s.seats[n]
	}
	s.seats = s.seats[:n+1] // with the memory of a former one
	st := &s.seats[n]
	*st = seat{id: id, stays: st.stays[:0], faces: st.faces[:0], screens: st.screens[:0]}
	return st
}

// addTiles adds a participant's camera, or avatar, and screens.
func (s *session) addTiles(st *seat, pos, at timebase.Ticks) {
	for i, c := range st.screens {
		if at < c.ended && c.dec.Picture() != nil && !s.shows(c) {
			screen := compositor.Tile{Key: c.key, Label: st.label, Fit: compositor.Contain}
			c.fill(&screen)
			s.tiles, s.views = append(s.tiles, screen), append(s.views, view{st.screens[i : i+1], c})
		}
	}
	person := compositor.Tile{Key: st.id, Label: st.label, Fit: compositor.Fill}
	face, lost := s.face(st, pos, at)
	if s.ladder.level == levelSound {
		face = nil
	}
	if face != nil {
		face.fill(&person)
		person.Dim = lost
	}
	s.tiles, s.views = append(s.tiles, person), append(s.views, view{st.faces, face})
}

// shows reports whether there is a tile for the screen of c: of a track that c
// replaced, if what the sender says of its clock makes c earlier.
func (s *session) shows(c *camera) bool {
	return slices.ContainsFunc(s.tiles, func(t compositor.Tile) bool { return t.Fit == compositor.Contain && t.Key == c.key })
}

// fill puts the newest picture into a tile.
func (c *camera) fill(t *compositor.Tile) {
	t.Picture, t.Version = c.dec.Picture(), c.version
	t.Colour, t.Rotation = c.colour, c.rotation
}

// face returns the camera whose picture shows a participant, nil for the
// avatar. While nothing comes from somebody who has just left or come back, or
// whose track has just been replaced, it is the last picture there was; lost
// says that it is that of a stay that is over.
func (s *session) face(st *seat, pos, at timebase.Ticks) (face *camera, lost bool) {
	var last *camera
	waiting := st.away || len(st.stays) > 1
	for _, c := range st.faces {
		switch {
		case at >= c.ended:
			last = newer(last, c, s.wasFresh(c))
		case c.dec.Picture() == nil:
			waiting = true
		default:
			face = newer(face, c, pos-c.shown <= staleAfter)
		}
	}
	if face == nil && last != nil && waiting {
		return last, last.member() != st.stays[len(st.stays)-1] || st.away
	}
	return face, false
}

// wasFresh reports whether the last picture of a track that has ended stood
// when it did.
func (s *session) wasFresh(c *camera) bool {
	end, _ := s.timeline.position(c.ended)
	return c.dec.Picture() != nil && end-c.shown <= staleAfter
}

// newer returns the one with the newer picture; b counts only if it is usable.
func newer(a, b *camera, usable bool) *camera {
	if usable && (a == nil || b.shown > a.shown) {
		return b
	}
	return a
}

// arrange finds out where the tiles will be, so that from the next frame on what
// is decoded is what is seen.
func (s *session) arrange() error {
	rects, err := s.comp.Arrange(s.tiles)
	if err != nil {
		return fmt.Errorf("arrange frame %d: %w", s.frame, err)
	}
	soon := s.roomSoon()
	for i, t := range s.tiles {
		size, seen := rects[i].Size(), !rects[i].Empty()
		if !seen && soon {
			size = rects[0].Size()
		}
		size = s.affordable(size, t.Fit)
		for _, c := range s.views[i].cameras {
			c.move(place{size, t.Fit == compositor.Fill})
			c.seen, c.drawn = seen, seen && c == s.views[i].picture
		}
	}
	return nil
}

// affordable returns how large the pictures for a tile should be.
func (s *session) affordable(size image.Point, fit compositor.Fit) image.Point {
	switch {
	case s.ladder.level == levelSound:
		return image.Point{}
	case s.ladder.level == levelCoarse && fit == compositor.Fill:
		return size.Div(2)
	}
	return size
}

// roomSoon reports whether everybody who is there by now has a tile: so that
// those who had none are decoded by the time that they are seen.
func (s *session) roomSoon() bool {
	n := len(s.tiles) - len(s.seats) // screens
	for _, m := range s.members {
		if m.left == never {
			n++
		}
	}
	return n <= compositor.MaxTiles
}
