package compositor

import (
	"errors"
	"fmt"

	"golang.org/x/image/font/opentype"
)

// ErrFont is returned for a font that cannot be read.
var ErrFont = errors.New("compositor: unusable font")

// maxFontBytes bounds a font file. The largest in use, of Chinese, Japanese and
// Korean in all weights, have some 100 MB.
const maxFontBytes = 256 << 20

// ParseFonts reads a font file: TrueType, OpenType (TTF, OTF) or a collection of
// them (TTC, OTC). data must not change while the fonts are in use. Fonts are
// trusted input: take them from the operator, not from a participant. The error
// is [ErrFont], wrapped.
func ParseFonts(data []byte) ([]*opentype.Font, error) {
	if len(data) == 0 || len(data) > maxFontBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrFont, len(data))
	}
	set, err := opentype.ParseCollection(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFont, err)
	}
	fonts := make([]*opentype.Font, set.NumFonts())
	for i := range fonts {
		if fonts[i], err = set.Font(i); err != nil {
			return nil, fmt.Errorf("%w: number %d: %w", ErrFont, i, err)
		}
	}
	return fonts, nil
}
