package compositor

import (
	"image"
	"image/color"
	"strconv"
)

// clear makes an empty canvas for new slots.
func (c *Compositor) clear() {
	FillRect(c.canvas, c.canvas.Rect, c.background)
	if len(c.slots) == 0 {
		size := c.canvas.Rect.Size()
		drawLayers(c.canvas, c.canvas.Rect, centred(c.text, c.emptyText, labelSize(size), size))
	}
	c.stale = false
}

// update draws a tile into its slot if it looks different from what is there.
func (c *Compositor) update(s *slot, m *member, t *Tile) error {
	now := t.look()
	if s.drawn && s.shown == now {
		return nil
	}
	s.shown, s.drawn = now, true
	c.changed = append(c.changed, s.rect)
	err := c.drawPicture(s.rect, t)
	if t.Picture == nil || err != nil {
		c.drawAvatar(s.rect, m, t)
	}
	if t.Dim {
		dim(c.canvas, s.rect)
	}
	c.drawText(s.rect, &m.note, t.Note, note)
	c.drawText(s.rect, &m.label, t.Label, label)
	return err
}

// drawPicture draws the picture of a tile, if it has one.
func (c *Compositor) drawPicture(r image.Rectangle, t *Tile) error {
	if t.Picture == nil {
		return nil
	}
	src, err := source(t.Picture)
	if err != nil {
		return err
	}
	turns, err := quarterTurns(t.Rotation)
	if err != nil {
		return err
	}
	if t.Fit == Contain {
		inner := contain(turns.size(src.Rect.Size()), r)
		if inner != r {
			FillRect(c.canvas, r, black())
		}
		r = inner
	} else {
		src = view(&src, cover(src.Rect.Size(), turns.size(r.Size())))
	}
	dst := view(c.canvas, r)
	if err := c.place(dst, src, turns); err != nil {
		return err
	}
	convert(&dst, t.Colour)
	return nil
}

// place puts all of a picture into all of dst, scaled before it is turned.
func (c *Compositor) place(dst, src image.YCbCr, turns quarters) error {
	if turns == 0 {
		return c.scale(dst, src)
	}
	size := turns.size(dst.Rect.Size())
	if src.Rect.Size() != size {
		resize(&c.unturned, size)
		if err := c.scale(c.unturned, src); err != nil {
			return err
		}
		src = c.unturned
	}
	turn(&dst, &src, turns)
	return nil
}

// scale puts all of a picture into all of dst. One of the same size is copied.
func (c *Compositor) scale(dst, src image.YCbCr) error {
	c.dst, c.src = dst, src
	defer func() { c.src = image.YCbCr{} }() // the picture is only borrowed
	if c.src.Rect == c.dst.Rect {
		copyPicture(&c.dst, &c.src)
		return nil
	}
	return c.scaler.Scale(&c.dst, &c.src)
}

func (c *Compositor) drawAvatar(r image.Rectangle, m *member, t *Tile) {
	name := clip(t.initialsName())
	if !m.avatar.fits(name, r.Size()) {
		m.avatar = sticker{name, r.Size(), stencils(avatar(c.text, t.Key, name, r.Size()), r.Size())}
	}
	_, around := avatarColors(t.Key)
	FillRect(c.canvas, r, around)
	drawStencils(c.canvas, r, m.avatar.stencils)
}

// drawText draws a text in a tile, as set when it or the tile's size changed.
func (c *Compositor) drawText(r image.Rectangle, s *sticker, text string, set func(*typesetter, string, image.Point) []layer) {
	text = clip(text)
	if !s.fits(text, r.Size()) {
		*s = sticker{text, r.Size(), stencils(set(c.text, text, r.Size()), r.Size())}
	}
	drawStencils(c.canvas, r, s.stencils)
}

// updateMore draws the tile that stands for n others.
func (c *Compositor) updateMore(s *slot, n int) {
	now := look{more: n}
	if s.drawn && s.shown == now {
		return
	}
	s.shown, s.drawn = now, true
	c.changed = append(c.changed, s.rect)
	size := s.rect.Size()
	text := "+" + strconv.Itoa(n)
	FillRect(c.canvas, s.rect, LimitedRange(color.NRGBA{0x3a, 0x3d, 0x45, 0xff}))
	drawLayers(c.canvas, s.rect, centred(c.text, text, min(size.X, size.Y)*morePart/100, size))
}
