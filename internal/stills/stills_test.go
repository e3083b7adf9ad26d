package stills

import (
	"bytes"
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// film makes a fragmented MP4 of flat grey that gets lighter every two seconds.
func film(t *testing.T) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "film.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=c=black:s=320x180:r=8:d=6,geq=lum='60+40*floor(T/2)':cb=128:cr=128",
		"-c:v", "libx264", "-g", "16", "-keyint_min", "16", "-sc_threshold", "0", "-movflags", "frag_keyframe+delay_moov", name).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v %s", err, out)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestKeyFrames(t *testing.T) {
	var n int
	err := KeyFrames(film(t), func(s Still) error {
		if want := time.Duration(n) * 2 * time.Second; s.At != want {
			t.Errorf("still %d at %v, want %v", n, s.At, want)
		}
		if y := int(s.Picture.Y[s.Picture.YOffset(160, 90)]); y < 58+40*n || y > 62+40*n {
			t.Errorf("still %d has luma %d", n, y)
		}
		n++
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d stills, %v", n, err)
	}
}

func TestSheet(t *testing.T) {
	img, err := Sheet(film(t), image.Pt(160, 90))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := img.Bounds().Size(), image.Pt(8+3*168, 8+90+20+16); got != want {
		t.Errorf("sheet of %v, want %v", got, want)
	}
	for i, want := range []uint32{51, 98, 144} { // full range
		r, _, _, _ := img.At(8+168*i+80, 50).RGBA()
		if r>>8 < want-3 || r>>8 > want+3 {
			t.Errorf("picture %d is %d, want %d", i, r>>8, want)
		}
	}
}

func TestNoVideo(t *testing.T) {
	if err := KeyFrames(bytes.NewReader(nil), nil); !errors.Is(err, ErrNoVideo) {
		t.Error(err)
	}
	if err := KeyFrames(bytes.NewReader([]byte("not an MP4 at all, really")), nil); err == nil {
		t.Error("garbage was taken")
	}
}
