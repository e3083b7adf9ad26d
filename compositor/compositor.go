package compositor

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"

	"golang.org/x/image/font/opentype"
)

// Limits of a canvas, in pixels along each side. The lower one leaves at least
// two pixels to each of MaxTiles tiles.
const (
	minCanvas = 64
	maxCanvas = 8192
)

// ErrConfig is returned by New for a Config that cannot be met.
var ErrConfig = errors.New("compositor: bad config")

// Config describes a canvas. The zero value is a good one.
type Config struct {
	// Width and Height of the canvas in pixels, even, 64 to 8192. Both zero
	// means 1920x1080.
	Width, Height int
	// Layout places the tiles. Nil means TileLayout.
	Layout Layout
	// Scaler scales pictures into tiles. Nil means an AreaScaler.
	Scaler Scaler
	// Fonts draw what the Go font lacks, the first that can. See ParseFonts.
	Fonts []*opentype.Font
	// Background is around the tiles. Nil means a dark grey. Transparency is
	// ignored.
	Background color.Color
	// EmptyText is written in the middle of the canvas while there are no tiles.
	EmptyText string
}

// Compositor draws tiles into its canvas. It belongs to one goroutine, and needs
// no Close.
type Compositor struct {
	canvas     *image.YCbCr
	layout     Layout
	scaler     Scaler
	text       *typesetter
	background color.YCbCr
	emptyText  string

	roster  roster
	slots   []slot            // as laid out for the last counts
	counts  counts            // that slots are for
	stale   bool              // the canvas has to be cleared
	changed []image.Rectangle // of the last call
	placed  []image.Rectangle // of the last call

	dst, src image.YCbCr // arguments of the Scaler; here they need no allocation
	unturned image.YCbCr // a scaled picture that is to be turned
}

// counts are all that a layout depends on.
type counts struct{ screens, cameras int }

// slot is a place on the canvas and what was drawn there.
type slot struct {
	rect  image.Rectangle
	shown look
	drawn bool
}

// New checks a Config and returns a Compositor with an empty canvas. Errors are
// [ErrConfig], [ErrLayout] and [ErrFont], wrapped.
func New(cfg Config) (*Compositor, error) {
	if cfg.Width == 0 && cfg.Height == 0 {
		cfg.Width, cfg.Height = 1920, 1080
	}
	for _, v := range [...]int{cfg.Width, cfg.Height} {
		if v < minCanvas || v > maxCanvas || v%2 != 0 {
			return nil, fmt.Errorf("%w: canvas of %dx%d", ErrConfig, cfg.Width, cfg.Height)
		}
	}
	text, err := newTypesetter(cfg.Fonts)
	if err != nil {
		return nil, err
	}
	if cfg.Scaler == nil {
		cfg.Scaler = &AreaScaler{}
	}
	if cfg.Background == nil {
		cfg.Background = defaultBackground()
	}
	c := &Compositor{
		canvas:     image.NewYCbCr(image.Rect(0, 0, cfg.Width, cfg.Height), image.YCbCrSubsampleRatio420),
		scaler:     cfg.Scaler,
		text:       text,
		background: LimitedRange(cfg.Background),
		emptyText:  cfg.EmptyText,
		roster:     roster{members: make(map[string]*member)},
		stale:      true,
	}
	if err := c.SetLayout(cfg.Layout); err != nil {
		return nil, err
	}
	return c, nil
}

// SetLayout changes the layout from the next Compose on. Nil means TileLayout.
// If the layout is unusable for the tiles of the last call the error is
// [ErrLayout], wrapped, and the former layout stays.
func (c *Compositor) SetLayout(l Layout) error {
	if l == nil {
		l = TileLayout
	}
	former := c.layout
	c.layout = l
	err := c.lay(c.counts)
	if err != nil {
		c.layout = former
	}
	return err
}

// lay makes the slots for a number of tiles. If they are where they were, what
// is drawn in them stays.
func (c *Compositor) lay(n counts) error {
	rects := c.layout(n.screens, n.cameras, c.canvas.Rect)
	if err := checkLayout(rects, n.screens+n.cameras, c.canvas.Rect); err != nil {
		return err
	}
	c.counts = n
	if slices.EqualFunc(c.slots, rects, func(s slot, r image.Rectangle) bool { return s.rect == r }) {
		return nil
	}
	c.slots = make([]slot, len(rects))
	for i, r := range rects {
		c.slots[i].rect = r
	}
	c.stale = true
	return nil
}

// Arrange tells where Compose would draw each of the tiles, so that a caller
// decodes what is seen and at the size that is needed. Those that are not shown
// have an empty rectangle. Only Key and Fit matter, and calling it counts as an
// appearance: pass the same tiles to the next Compose. The result is valid until
// the next call. Errors are [ErrDuplicateKey] and [ErrLayout], wrapped.
func (c *Compositor) Arrange(tiles []Tile) ([]image.Rectangle, error) {
	if err := c.roster.update(tiles); err != nil {
		return nil, err
	}
	n := counts{c.roster.screens, len(tiles) - c.roster.screens}
	if n != c.counts {
		if err := c.lay(n); err != nil {
			return nil, err
		}
	}
	c.placed = slices.Grow(c.placed[:0], len(tiles))[:len(tiles)]
	clear(c.placed)
	for i, m := range c.visible() {
		c.placed[m.index] = c.slots[i].rect
	}
	return c.placed, nil
}

// visible returns the members that have a slot. If not all have one, the last
// slot is for the rest.
func (c *Compositor) visible() []*member {
	if len(c.roster.order) > len(c.slots) {
		return c.roster.order[:len(c.slots)-1]
	}
	return c.roster.order
}

// Compose draws the tiles and returns the canvas and which parts of it changed
// since the last call, nil if none did. Both are valid until the next call, and
// the caller must not write to them.
//
// The canvas can be used even if there is an error. A tile whose picture cannot
// be drawn shows its avatar, and says so once per Version: [ErrPicture], or what
// the Scaler returned. With [ErrDuplicateKey] and [ErrLayout] nothing is drawn.
func (c *Compositor) Compose(tiles []Tile) (*image.YCbCr, []image.Rectangle, error) {
	if _, err := c.Arrange(tiles); err != nil {
		return c.canvas, nil, err
	}
	c.changed = c.changed[:0]
	cleared := c.stale
	if cleared {
		c.clear()
	}
	var errs error
	visible := c.visible()
	for i, m := range visible {
		if err := c.update(&c.slots[i], m, &tiles[m.index]); err != nil {
			errs = errors.Join(errs, fmt.Errorf("tile %q: %w", tiles[m.index].Key, err))
		}
	}
	if rest := len(tiles) - len(visible); rest > 0 {
		c.updateMore(&c.slots[len(visible)], rest)
	}
	switch {
	case cleared:
		c.changed = append(c.changed[:0], c.canvas.Rect)
	case len(c.changed) == 0:
		return c.canvas, nil, errs
	}
	return c.canvas, c.changed, errs
}
