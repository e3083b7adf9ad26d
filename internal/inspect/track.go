package inspect

import (
	"math/big"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"
)

// maxTime is beyond what any file means.
const maxTime = 1 << 56

// track is a track on the way through a file.
type track struct {
	Track
	trex *mp4.TrexBox // nil if there is none

	started  bool
	first    int64   // decode time of the first sample
	firstKey bool    // the first sample is a key frame
	next     int64   // decode time
	shown    []int64 // presentation times of video, in media time
	keys     []int64 // those of key frames
	end      int64   // of the last that is shown, in media time
	last     int64   // duration of the last sample
	uneven   bool    // durations differ, the last one's left aside
	constant int64   // the duration if they do not
}

// jump goes to a decode time, which should be the one where the track is.
func (t *track) jump(to int64) {
	to = min(max(to, 0), maxTime)
	if t.started && to != t.next {
		t.GapCount++
		if len(t.Gaps) < maxGaps {
			t.Gaps = append(t.Gaps, Gap{t.next, to - t.next})
		}
	}
	t.next = to
}

// add takes the next sample.
func (t *track) add(duration, offset, size int64, key bool) {
	if !t.started {
		t.started, t.first, t.firstKey = true, t.next, key
	}
	if t.Samples > 0 {
		t.uneven = t.uneven || t.Samples > 1 && t.last != t.constant
		t.constant = t.last
	}
	t.last = duration
	pts := t.next + offset
	if t.Kind == "video" {
		t.shown = append(t.shown, pts)
		if key {
			t.keys = append(t.keys, pts)
			t.KeyFrames++
		}
	}
	t.Samples++
	t.Bytes += size
	t.Decoded += duration
	t.next = min(t.next+duration, maxTime)
	t.end = max(t.end, pts+duration)
}

// start is the media time at which the presentation begins.
func (t *track) start() int64 {
	for _, e := range t.Edits {
		if e.MediaTime >= 0 {
			return e.MediaTime
		}
	}
	return 0
}

// edited is how long the edit list says that media is shown, in the track's
// timescale, and whether it says so.
func (t *track) edited(movie int64) (int64, bool) {
	var sum int64
	for _, e := range t.Edits {
		if e.MediaTime >= 0 {
			sum += e.Duration
		}
	}
	return scale(sum, t.Timescale, movie), sum > 0
}

// finishTrack works out what can be known only at the end.
func (f *file) finishTrack(t *track) {
	if t.Samples == 0 {
		f.problem(Warning, "track %d has no samples", t.ID)
		return
	}
	t.Duration = max(t.end-t.start(), 0)
	if d, ok := t.edited(f.report.Timescale); ok {
		// An edit of a progressive file may be rounded to the movie's timescale.
		if d > t.Duration+t.last+scale(2, t.Timescale, f.report.Timescale) {
			f.problem(Error, "track %d has media for %d, the edit list wants %d (1/%d s)", t.ID, t.Duration, d, t.Timescale)
		}
		t.Duration = min(t.Duration, d)
	}
	t.BitRate = scale(t.Bytes, 8*t.Timescale, t.Decoded)
	if t.first > 0 {
		f.problem(Warning, "track %d begins at decode time %d (1/%d s)", t.ID, t.first, t.Timescale)
	}
	if t.GapCount > 0 {
		g := t.Gaps[0]
		f.problem(Error, "track %d has %d gaps or overlaps in decode time, the first at %d by %d (1/%d s)",
			t.ID, t.GapCount, g.At, g.Length, t.Timescale)
	}
	if t.Kind == "video" {
		f.finishVideo(t)
	}
}

func (f *file) finishVideo(t *track) {
	if !t.firstKey {
		f.problem(Error, "track %d does not begin with a key frame", t.ID)
	}
	t.findGrid()
	start := t.start()
	slices.Sort(t.keys)
	for i, k := range t.keys {
		next := t.end
		if i+1 < len(t.keys) {
			next = t.keys[i+1]
		}
		t.KeyDistance = max(t.KeyDistance, next-k)
		if i < maxPositions {
			t.KeyPositions = append(t.KeyPositions, k-start)
		}
	}
}

// findGrid tells whether pictures are equally far apart when shown, and the
// frame rate.
func (t *track) findGrid() {
	slices.Sort(t.shown)
	step := t.last
	if len(t.shown) > 1 {
		step = t.shown[1] - t.shown[0]
	}
	t.ExactGrid = step > 0 && !t.uneven
	for i := 2; i < len(t.shown); i++ {
		t.ExactGrid = t.ExactGrid && t.shown[i]-t.shown[i-1] == step
	}
	n, d := big.NewInt(t.Timescale), big.NewInt(step)
	if !t.ExactGrid {
		n.Mul(n, big.NewInt(t.Samples))
		d.SetInt64(t.Decoded)
	}
	if d.Sign() > 0 {
		t.FrameRate = fraction(n, d)
	}
}
