package compositor

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"slices"
)

// ErrDuplicateKey is returned when two tiles of one call have the same key.
var ErrDuplicateKey = errors.New("compositor: duplicate key")

// member is a tile that was in the last list.
type member struct {
	joined uint64 // rising in order of first appearance
	round  uint64 // in which it was last seen
	index  int    // in the list of that round
	screen bool

	label, note, avatar sticker
}

// roster remembers who came when, so that tiles keep their places.
type roster struct {
	members map[string]*member
	order   []*member // of the last round: screens, then cameras, each as they came
	screens int
	round   uint64
	joined  uint64
}

// update takes the list of a round and sorts it. After an error the order is
// void until the next round; nobody has lost a place.
func (r *roster) update(tiles []Tile) error {
	r.round++
	clear(r.order) // lets go of those who left
	r.order, r.screens = r.order[:0], 0
	for i := range tiles {
		m := r.member(tiles[i].Key)
		if m.round == r.round {
			return fmt.Errorf("%w: %q", ErrDuplicateKey, tiles[i].Key)
		}
		m.round, m.index, m.screen = r.round, i, tiles[i].Fit == Contain
		r.order = append(r.order, m)
		if m.screen {
			r.screens++
		}
	}
	r.forgetAbsent()
	slices.SortFunc(r.order, before)
	return nil
}

// member returns that of a key, and a new one for a new key.
func (r *roster) member(key string) *member {
	m := r.members[key]
	if m == nil {
		r.joined++
		m = &member{joined: r.joined}
		r.members[key] = m
	}
	return m
}

func (r *roster) forgetAbsent() {
	if len(r.members) == len(r.order) {
		return
	}
	for key, m := range r.members {
		if m.round != r.round {
			delete(r.members, key)
		}
	}
}

// before compares by place: screens first, then by first appearance.
func before(a, b *member) int {
	if a.screen != b.screen {
		if a.screen {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.joined, b.joined)
}

// sticker keeps what draws a text in tiles of a size.
type sticker struct {
	text     string
	size     image.Point
	stencils []stencil
}

// fits reports whether the stencils are those for a text and a size.
func (s *sticker) fits(text string, size image.Point) bool {
	return s.text == text && s.size == size
}
