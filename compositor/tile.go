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
	// Colour is that of Picture, which is converted to that of the canvas.
	Colour Colour
	// Rotation is by how many degrees clockwise Picture is turned to stand upright:
	// 0, 90, 180 or 270 (3GPP TS 26.114, section 7.4.5, as WebRTC sends it).
	Rotation int
	// Fit is Fill for a camera and Contain for a screen. Screens come first.
	Fit Fit
	// Dim darkens the picture, such as the last one of a lost connection.
	Dim bool
	// Note is written in the middle, such as "reconnecting". Only its first 1024
	// bytes count. Empty means none.
	Note string
}

// look is all that a tile's appearance depends on, apart from its size.
type look struct {
	key, label, name, note string
	picture                pictureLook
	dim                    bool
	fit                    Fit
	more                   int // tiles that this one stands for, 0 for a tile of its own
}

// pictureLook tells pictures apart. The zero value is that of no picture.
type pictureLook struct {
	there    bool
	version  uint64
	size     image.Point
	colour   Colour
	rotation int
}

func (t *Tile) look() look {
	l := look{key: t.Key, label: t.Label, name: t.initialsName(), note: t.Note, dim: t.Dim, fit: t.Fit}
	if t.Picture != nil {
		l.picture = pictureLook{true, t.Version, t.Picture.Rect.Size(), t.Colour, t.Rotation}
	}
	return l
}

func (t *Tile) initialsName() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Label
}
