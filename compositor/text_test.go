package compositor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

func newText(t testing.TB, fallbacks ...*opentype.Font) *typesetter {
	t.Helper()
	text, err := newTypesetter(fallbacks)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestClean(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"Ann Lee", "Ann Lee"},
		{"  Ann\n\tLee\u3000 ", "Ann Lee"},
		{"\u202Eevil\u202C \u2066x\u2069", "evil x"},
		{"a\x00b\x1b[31mc\u0085d", "ab[31mc d"},
		{"e\u0301", "é"},
		{"bad\xff", "bad\uFFFD"},
		{"👍🏽 👩\u200d💻 ❤\uFE0F", "👍 👩💻 ❤"},
		{"\ufeffa\u00adb", "ab"},
		{"\n\u202E\u200b", ""},
	} {
		if got := string(clean(test.in)); got != test.want {
			t.Errorf("clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("x", 10000), strings.Repeat("ä", 10000), strings.Repeat("a😀", 10000),
		strings.Repeat("\x80", 10000),
	} {
		got := clip(s)
		if len(got) > maxText || len(got) < maxText-4 || !strings.HasPrefix(s, got) {
			t.Errorf("clip kept %d bytes of %q", len(got), s[:4])
		}
		if strings.ContainsRune(string(clean(s)), 0xFFFD) != (s[0] == 0x80) {
			t.Errorf("clip broke a rune of %q", s[:4])
		}
	}
}

func TestVisual(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"Ann (guest)", "Ann (guest)"},
		{"שלום", "םולש"},
		{"שלום עולם", "םלוע םולש"},
		{"Ann שלום Lee", "Ann םולש Lee"},
		{"שלום Ann", "Ann םולש"},
		{"שלום (Ann)…", "…(Ann) םולש"},
		{"שָלוֹם", "םולש"},
	} {
		if got := string(visual([]rune(test.in))); got != test.want {
			t.Errorf("visual(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestInitials(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"Ann Lee", "AL"},
		{"ann maria lee", "AL"},
		{"ann", "A"},
		{"ann.lee@example.com", "AC"},
		{"José Ñandú (guest)", "JÑ"},
		{"δημήτρης παπαδόπουλος", "ΔΠ"},
		{"山田太郎", "山"},
		{"e\u0301tienne ǆemal", "Éǅ"},
		{"3rd floor", "3F"},
		{"🎉 party", "P"},
		{"🎉", "🎉"},
		{" \n", ""},
		{"", ""},
		{"\u202Eann\u202C lee", "AL"},
		{strings.Repeat("a ", 5000), "AA"},
	} {
		if got := initials(test.name); got != test.want {
			t.Errorf("initials(%.20q) = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLineIsCut(t *testing.T) {
	text := newText(t)
	for _, s := range []string{"Ann", "A very long display name", strings.Repeat("W", 10000), strings.Repeat("\u0301", 500), "名前"} {
		whole := text.line(s, 20, maxLineWidth).mask.Rect.Dx()
		for limit := -5; limit < 300; limit += 7 {
			got := text.line(s, 20, limit).mask.Rect.Dx()
			if got > max(0, limit) {
				t.Errorf("%.10q is %d wide, limit %d", s, got, limit)
			}
			if whole <= limit && got != whole {
				t.Errorf("%.10q was cut from %d to %d, limit %d", s, whole, got, limit)
			}
		}
	}
	short, long := text.line("Annabel…", 20, 500).mask, text.line("Annabel Lee of the sea", 20, 104).mask
	if !bytes.Equal(short.Pix, long.Pix) {
		t.Errorf("cut line of %v is not %v", long.Rect, short.Rect)
	}
}

func TestCut(t *testing.T) {
	var glyphs []glyph
	for _, r := range "Ann B  Lee" {
		glyphs = append(glyphs, glyph{r: r, advance: 10})
	}
	for _, test := range []struct {
		limit fixed.Int26_6
		want  string
	}{
		{100, "Ann B  Lee"},
		{99, "Ann B  L…"},
		{80, "Ann B…"},
		{60, "Ann B…"},
		{59, "Ann…"},
		{40, "Ann…"},
		{20, "A…"},
		{19, "…"},
		{10, "…"},
		{9, ""},
		{-1, ""},
	} {
		if got := string(cut(glyphs, glyph{r: ellipsis, advance: 10}, test.limit)); got != test.want {
			t.Errorf("limit %d: %q, want %q", test.limit, got, test.want)
		}
	}
	if got := cut(nil, glyph{r: ellipsis, advance: 10}, 0); len(got) != 0 {
		t.Errorf("nothing was cut to %q", string(got))
	}
}

// ligatureFont is the Go Mono font with its ligatures, the last segment but two
// of its character map, moved from U+FB01 and U+FB02 to U+FB00 and U+FB01.
func ligatureFont() []byte {
	data := bytes.ReplaceAll(gomono.TTF, []byte("\xFB\x01\xFF\xFD\xFF\xFF"), []byte("\xFB\x00\xFF\xFD\xFF\xFF"))
	return bytes.ReplaceAll(data, []byte("\xFB\x02\xFF\xFD\xFF\xFF"), []byte("\xFB\x01\xFF\xFD\xFF\xFF"))
}

func TestFallbackFont(t *testing.T) {
	fonts, err := ParseFonts(ligatureFont())
	if err != nil {
		t.Fatal(err)
	}
	const letter = '\uFB00'
	if g := newText(t).glyph(letter, 20); g.face != nil {
		t.Fatal("the built-in font has the letter: choose another")
	}
	text := newText(t, fonts...)
	if g := text.glyph(letter, 20); g.face == nil {
		t.Error("the fallback is not used")
	}
	if a, b := text.line("Ann", 20, 500), newText(t).line("Ann", 20, 500); !bytes.Equal(a.mask.Pix, b.mask.Pix) {
		t.Error("the fallback draws what the built-in font has")
	}
	if got, box := text.line(string(letter), 20, 500), text.line("\uFB03", 20, 500); bytes.Equal(got.mask.Pix, box.mask.Pix) {
		t.Error("the letter is a box")
	}
}

func TestMissingRuneIsABox(t *testing.T) {
	line := newText(t).line("名", 28, 100)
	ink := 0
	for _, v := range line.mask.Pix {
		if v != 0 && v != 255 {
			t.Fatalf("a box has alpha %d", v)
		}
		ink += int(v) / 255
	}
	middle := line.mask.AlphaAt(line.mask.Rect.Dx()/2, line.baseline-9).A
	if ink == 0 || middle != 0 {
		t.Errorf("ink %d, middle %d", ink, middle)
	}
	if got := newText(t).line("x\u0325\u0325", 28, 100).mask; !bytes.Equal(got.Pix, newText(t).line("x", 28, 100).mask.Pix) {
		t.Error("a mark that no font has was drawn")
	}
}

// collection packs fonts into an OpenType font collection (ISO/IEC 14496-22,
// 4.6.3): offsets of tables count from the start of the file.
func collection(fonts ...[]byte) []byte {
	out := append([]byte("ttcf\x00\x01\x00\x00"), binary.BigEndian.AppendUint32(nil, uint32(len(fonts)))...)
	base := len(out) + 4*len(fonts)
	var body []byte
	for _, font := range fonts {
		at := base + len(body)
		out = binary.BigEndian.AppendUint32(out, uint32(at))
		font = bytes.Clone(font)
		for i := range int(binary.BigEndian.Uint16(font[4:])) {
			offset := font[12+16*i+8:]
			binary.BigEndian.PutUint32(offset, binary.BigEndian.Uint32(offset)+uint32(at))
		}
		body = append(body, font...)
	}
	return append(out, body...)
}

func TestParseFonts(t *testing.T) {
	fonts, err := ParseFonts(collection(gomedium.TTF, ligatureFont()))
	if err != nil || len(fonts) != 2 {
		t.Fatalf("%d fonts, %v", len(fonts), err)
	}
	if g := newText(t, fonts...).glyph('\uFB00', 20); g.face == nil {
		t.Error("the second font of the collection is not used")
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("hello, world"), "cut": gomedium.TTF[:2000],
		"cut collection": collection(gomedium.TTF)[:200],
	} {
		if _, err := ParseFonts(data); !errors.Is(err, ErrFont) {
			t.Errorf("%s: %v, want ErrFont", name, err)
		}
	}
	if _, err := New(Config{Fonts: []*opentype.Font{nil}}); !errors.Is(err, ErrFont) {
		t.Errorf("nil: %v, want ErrFont", err)
	}
}

func TestSizesAreBounded(t *testing.T) {
	text := newText(t)
	for px := range 200 {
		text.line("x", px, 500)
	}
	if len(text.sizes) > maxSizes {
		t.Errorf("%d sizes kept", len(text.sizes))
	}
}

// Names come from participants: whatever they are, they do no harm.
func FuzzLabel(f *testing.F) {
	for _, s := range []string{
		"Ann Lee", "", "\u202Eevil", "שלום (Ann) 12", "e\u0301\u0302", "👩\u200d💻", "a\nb", "\xff\xfe",
		"\u0627\u0644\u0633\u0644\u0627\u0645", strings.Repeat("x\u0301", 300),
	} {
		f.Add(s, 640, 360)
	}
	text := newText(f)
	f.Fuzz(func(t *testing.T, s string, w, h int) {
		tile := image.Pt(min(max(2, w), 2000), min(max(2, h), 2000))
		for _, l := range label(text, s, tile) {
			if r := l.mask.Rect.Add(l.at); !r.In(image.Rectangle{Max: tile}) {
				t.Errorf("layer %v outside of tile %v", r, tile)
			}
		}
		if l := avatar(text, s, s, tile)[1]; l.mask.Rect.Dx() > tile.X {
			t.Errorf("initials of %v outside of tile %v", l.mask.Rect, tile)
		}
	})
}
