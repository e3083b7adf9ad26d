package compositor

import "image"

// Tile is what is known about a participant's camera or screen at one instant.
type Tile struct {
	// Key identifies the tile in the call. It keeps its place as long as each
	// call of Compose has it.
	Key string
	// Label is written at the bottom left. Only its first 1024 bytes count.
	// Empty means none.
	Label string
	// Name is what the avatar's initials are taken from. Empty means Label.
	Name string
	// Picture is 4:2:0 of any size; nil means the avatar. It is read during the
	// call only.
	Picture *image.YCbCr
	// Version tells pictures apart: as long as it and the size of Picture stay,
	// the samples are not looked at.
	Version uint64
	// Fit is Fill for a camera and Contain for a screen. Screens come first.
	Fit Fit
	// Dim darkens the picture, such as the last one of a lost connection.
	Dim bool
}

// look is all that a tile's appearance depends on, apart from its size.
type look struct {
	key, label, name string
	version          uint64
	size             image.Point
	hasPicture, dim  bool
	fit              Fit
	more             int // tiles that this one stands for, 0 for a tile of its own
}

func (t *Tile) look() look {
	l := look{key: t.Key, label: t.Label, name: t.initialsName(), dim: t.Dim, fit: t.Fit}
	if t.Picture != nil {
		l.hasPicture, l.version, l.size = true, t.Version, t.Picture.Rect.Size()
	}
	return l
}

func (t *Tile) initialsName() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Label
}
