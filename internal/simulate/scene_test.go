package simulate

import (
	"bytes"
	"fmt"
	"image"
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

// TestDrawingAnew compares what is drawn step by step with what is drawn at once.
func TestDrawingAnew(t *testing.T) {
	for _, size := range []image.Point{{640, 360}, {322, 182}, {640, 480}} {
		cfg := Config{Index: 3, Width: size.X, Height: size.Y}
		steps := testScene(t, cfg)
		for i := range 40 {
			at := timebase.Second*9/10 + timebase.Ticks(i)*1600
			got, want := steps.draw(at), testScene(t, cfg).draw(at)
			if !bytes.Equal(got.Y, want.Y) || !bytes.Equal(got.Cb, want.Cb) || !bytes.Equal(got.Cr, want.Cr) {
				t.Fatalf("%v: frame %d differs", size, i)
			}
		}
	}
}

func TestEveryFrameMoves(t *testing.T) {
	s := testScene(t, Config{FPS: 60})
	ball := place(s.stage, ballPlace())
	var last []uint8
	for i := range 5 * 60 {
		p := s.draw(timebase.Ticks(i) * 800)
		var now []uint8
		for y := ball.Min.Y; y < ball.Max.Y; y++ {
			now = append(now, p.Y[p.YOffset(ball.Min.X, y):][:ball.Dx()]...)
		}
		if bytes.Equal(now, last) {
			t.Errorf("frame %d is like the one before", i)
		}
		last = now
	}
}

func TestPlacesDoNotOverlap(t *testing.T) {
	places := []image.Rectangle{panelPlace(), namePlace(), flashPlace(), timecodePlace(), ballPlace()}
	for i, a := range places {
		for _, b := range places[:i] {
			if a.Overlaps(b) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
	for i := range stripCells {
		if !stripCell(i).In(panelPlace()) {
			t.Errorf("cell %d is at %v", i, stripCell(i))
		}
	}
}

func TestParticipantsDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 50 {
		c := Config{Index: i}
		c.setDefaults()
		for _, v := range []any{c.ID, c.Name, c.Color, c.Tone} {
			key := fmt.Sprintf("%T %v", v, v)
			if j, ok := seen[key]; ok {
				t.Errorf("participants %d and %d have %s", j, i, key)
			}
			seen[key] = i
		}
	}
}
