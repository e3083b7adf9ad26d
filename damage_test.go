package callreel_test

import (
	"image"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/internal/ffmpegtest"
)

const (
	damageLength = 12 * time.Second
	damageStep   = 3  // every so many pixels are compared
	damageBound  = 24 // dB
)

// damageSize is that of the pictures and of their tiles, and damageTop the part
// of them without the label.
var (
	damageSize = image.Pt(192, 108)
	damageTop  = image.Pt(192, 66)
)

// texture is the luma of the n-th picture: no two of them are alike, and each
// differs from the one before everywhere.
func texture(n, x, y int) uint8 {
	v := 50 + n*29%120
	if ((x+3*n)/24+(y+n)/24)&1 != 0 {
		v += 50
	}
	return uint8(v)
}

// textured paints one picture after the other.
func textured(every time.Duration) painter {
	return func(img *image.YCbCr, at time.Duration) {
		n := int(at / every)
		for y := range img.Rect.Dy() {
			row := img.Y[y*img.YStride:][:img.Rect.Dx()]
			for x := range row {
				row[x] = texture(n, x, y)
			}
		}
	}
}

// damageRow is a codec on a network that loses a tenth of all packets.
type damageRow struct {
	name   string
	format format
	rtt    time.Duration
}

func damageRows() (rows []damageRow) {
	for _, f := range []format{vp8(), vp9(), h264(), av1()} {
		rows = append(rows, damageRow{f.mime + ", lost", f, 0}, damageRow{f.mime + ", sent again", f, 60 * time.Millisecond})
	}
	return rows
}

// TestLongEveryPictureWasSent loses a tenth of the packets of people with different
// codecs. Every frame of the file shows each of them in a picture that was sent,
// undamaged, and none goes back in time; where one stands, the report says so.
func TestLongEveryPictureWasSent(t *testing.T) {
	t.Parallel()
	rows := damageRows()
	var callers []*caller
	var res callreel.Result
	var r *rig
	dir := t.TempDir() // outlives the bubble
	synctest.Test(t, func(t *testing.T) {
		r = newRigIn(t, dir)
		conv := r.conversation("room")
		var leave []func()
		for i, row := range rows {
			c := person(conv, i, time.Now())
			c.noAudio, c.size, c.every, c.paint = true, damageSize, oddEvery, textured(oddEvery)
			c.format, c.rtt, c.loss, c.link = &row.format, row.rtt, 0.1, steady(20*time.Millisecond)
			callers = append(callers, c)
			leave = append(leave, r.join(c))
		}
		time.Sleep(settle)
		cfg := smallConfig("room")
		cfg.Width, cfg.Height = 3*damageSize.X, 3*damageSize.Y
		rec := r.start(cfg)
		time.Sleep(damageLength)
		res = r.stop(rec)
		for _, f := range leave {
			f()
		}
	})
	frames := planes(t, r.file(res.Chunks[0]), damageSize.Mul(3))
	if len(frames) != int(damageLength/frame) {
		t.Fatalf("%d frames", len(frames))
	}
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			tile := compositor.Grid(len(rows), image.Rectangle{Max: damageSize.Mul(3)})[i]
			v := track(t, res.Report, callers[i].who.ID, "video")
			frozen := v.Pictures.Frozen
			for _, run := range shown(t, frames, tile.Min) {
				if run.to-run.from >= 4*frame && !covered(run, frozen) {
					t.Errorf("the picture stood from %v to %v, of which the report says nothing", run.from, run.to)
				}
			}
			if sum := v.Received(); v.DecodeErrors > 0 || row.rtt > 0 != (sum.Lost == 0 && frozen.Count == 0 && sum.Repaired > 0) {
				t.Errorf("%d decode errors, frozen for %v, %d packets lost, %d repaired", v.DecodeErrors, frozen.Total, sum.Lost, sum.Repaired)
			}
			t.Logf("%d decoded, frozen for %v in %d places", v.Decoded, frozen.Total, frozen.Count)
		})
	}
}

// shown returns when which pictures are shown, and checks that all were sent and
// none goes back. Only when there has been none for 3 s the avatar is there.
func shown(t *testing.T, frames [][]byte, corner image.Point) (runs []window) {
	t.Helper()
	last := -1
	for k := range frames {
		at := time.Duration(k) * frame
		n, psnr := recognise(frames[k], corner, int((at+settle)/oddEvery))
		switch stale := last < 0 || at-runs[len(runs)-1].from >= 3*time.Second; {
		case psnr < damageBound && stale:
		case psnr < damageBound || n < last:
			t.Errorf("frame %d: picture %d after %d, %.1f dB", k, n, last, psnr)
		case n > last:
			last = n
			runs = append(runs, window{at, at})
		}
		if last >= 0 {
			runs[len(runs)-1].to = at + frame
		}
	}
	if last < 10 {
		t.Errorf("only pictures up to %d", last)
	}
	return runs
}

// covered reports whether a stretch is among those that a report lists.
func covered(w window, s callreel.Spans) bool {
	return slices.ContainsFunc(s.List, func(s callreel.Span) bool {
		return s.Start <= w.from && s.Start+s.Duration >= w.to-frame
	})
}

// planes returns the luma of all frames of a file.
func planes(t *testing.T, file string, size image.Point) (frames [][]byte) {
	t.Helper()
	raw := ffmpegtest.Run(t, "-i", file, "-map", "0:v", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
	n := size.X * size.Y
	for ; len(raw) >= n*3/2; raw = raw[n*3/2:] {
		frames = append(frames, raw[:n])
	}
	return frames
}

// recognise returns which of the pictures up to the newest one the part of a
// frame at a point is most like, and how much.
func recognise(plane []byte, at image.Point, newest int) (best int, psnr float64) {
	least := math.MaxInt
	for n := max(0, newest-80); n <= newest; n++ {
		sum := 0
		for y := 0; y < damageTop.Y && sum < least; y += damageStep {
			row := plane[(at.Y+y)*3*damageSize.X+at.X:]
			for x := 0; x < damageTop.X; x += damageStep {
				d := int(row[x]) - int(texture(n, x, y))
				sum += d * d
			}
		}
		if sum < least {
			best, least = n, sum
		}
	}
	points := damageTop.X / damageStep * (damageTop.Y / damageStep)
	return best, 10 * math.Log10(255*255/(float64(least)/float64(points)+1e-9))
}
