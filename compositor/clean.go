package compositor

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// maxText bounds the bytes of a text that are looked at: more than a line holds.
const maxText = 1024

// clip cuts a text to maxText bytes, at the start of a rune.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// clean returns a text as one line of visible runes in logical order: composed
// (Unicode normalization form C), each stretch of white space as one space, and
// without controls, bidirectional overrides, joiners and variation selectors.
func clean(s string) []rune {
	s = norm.NFC.String(strings.ToValidUTF8(clip(s), "\uFFFD"))
	var line []rune
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = len(line) > 0
		case !invisible(r):
			if space {
				line = append(line, ' ')
				space = false
			}
			line = append(line, r)
		}
	}
	return line
}

// invisible reports whether a rune only controls how others are shown.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector) || isSkinTone(r)
}

// isSkinTone reports whether r is an emoji modifier (Unicode TR 51).
func isSkinTone(r rune) bool { return 0x1F3FB <= r && r <= 0x1F3FF }

func isMark(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) }

// visual reorders a line from logical to visual order (Unicode TR 9). Marks of
// right-to-left letters are dropped: they would stand before their letters.
func visual(line []rune) []rune {
	base, reorder := direction(line)
	if !reorder {
		return line
	}
	var p bidi.Paragraph
	text := string(line)
	if n, err := p.SetString(text); err != nil || n < len(text) {
		return line
	}
	order, err := p.Order()
	if err != nil {
		return line
	}
	out := make([]rune, 0, len(line))
	for i := range order.NumRuns() {
		if base == bidi.RightToLeft {
			i = order.NumRuns() - 1 - i
		}
		run := order.Run(i)
		if run.Direction() == bidi.RightToLeft {
			out = appendReversed(out, run.String())
		} else {
			out = append(out, []rune(run.String())...)
		}
	}
	return out
}

func appendReversed(line []rune, run string) []rune {
	for _, r := range bidi.ReverseString(run) {
		if !isMark(r) {
			line = append(line, r)
		}
	}
	return line
}

// direction returns that of the first letter which has one, and whether any is
// right-to-left.
func direction(line []rune) (base bidi.Direction, rightToLeft bool) {
	base = bidi.Neutral
	for _, r := range line {
		props, _ := bidi.LookupRune(r)
		dir := bidi.Neutral
		switch props.Class() {
		case bidi.L:
			dir = bidi.LeftToRight
		case bidi.R, bidi.AL:
			dir, rightToLeft = bidi.RightToLeft, true
		}
		if base == bidi.Neutral {
			base = dir
		}
	}
	return base, rightToLeft
}
