package simulate

import (
	"errors"
	"testing"
	"time"
)

func TestFilm(t *testing.T) {
	f, err := NewFilm(Config{Index: 7, Width: 320, Height: 180})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Duration{0, 50 * time.Millisecond, 1234 * time.Millisecond, 61 * time.Second} {
		lit := at%time.Second < FlashTime
		img := f.Picture(at)
		if s, ok := ReadStrip(img, img.Rect); !ok || s != (Strip{Time: at, Index: 7}) || ReadFlash(img, img.Rect) != lit {
			t.Errorf("at %v: %+v, %v", at, s, ok)
		}
		pcm := make([]int16, 480)
		f.Sound(pcm, at)
		loud := false
		for _, v := range pcm {
			loud = loud || v > 1000
		}
		if loud != lit {
			t.Errorf("at %v: heard %v, seen %v", at, loud, lit)
		}
	}
	if _, err := NewFilm(Config{Width: 100, Height: 100}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}
