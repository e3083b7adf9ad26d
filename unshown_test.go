package callreel

import (
	"math/rand/v2"
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

// hierarchy is a pattern of temporal layers: the layer of each picture, and how
// many pictures before it those are that it needs.
type hierarchy []struct {
	layer uint8
	needs []int
}

var hierarchies = map[string]hierarchy{
	// What Chromium sends as VP8, and what is left of it at half the rate.
	"eight": {
		{0, []int{8}},
		{2, []int{1}},
		{1, []int{2}},
		{2, []int{3, 1}},
		{0, []int{4}},
		{2, []int{1, 3}},
		{1, []int{2, 4}},
		{2, []int{3, 1}},
	},
	"eight, halved": {{0, []int{2}}, {1, []int{1}}, {0, []int{2}}, {1, []int{1, 2}}},
	"four, halved":  {{0, []int{2}}, {1, []int{1}}},
	"a chain":       {{0, []int{5}}, {1, []int{1}}, {1, []int{1}}, {1, []int{1}}, {1, []int{1}}},
	"a star":        {{0, []int{4}}, {2, []int{1}}, {1, []int{2}}, {2, []int{3}}},
	"one layer":     {{0, []int{1}}},
}

// coded is a stream, and what each picture needs.
type coded struct {
	units []unit
	needs [][]int
}

// code makes n pictures that are every so often, a bit more or less.
func (h hierarchy) code(rng *rand.Rand, n int, every timebase.Ticks) (c coded) {
	for i := range n {
		p := h[i%len(h)]
		u := unit{at: timebase.Ticks(i)*every + timebase.Ticks(rng.IntN(int(every/4)))}
		u.Temporal, u.Key, u.Sync, u.Discardable = p.layer, i == 0, true, p.layer > 0
		var needs []int
		for _, back := range p.needs {
			if i == 0 {
				break
			}
			j := max(0, i-back)
			needs = append(needs, j)
			u.Sync = u.Sync && c.units[j].Temporal == 0
			c.units[j].Discardable = false
		}
		c.units, c.needs = append(c.units, u), append(c.needs, needs)
	}
	return c
}

// closure returns which pictures are needed for those in the set.
func (c coded) closure(shown map[int]bool) map[int]bool {
	all := make(map[int]bool)
	for i := len(c.units) - 1; i >= 0; i-- {
		if shown[i] {
			all[i] = true
		}
		if all[i] || c.units[i].Temporal == 0 { // the lowest layer is always decoded
			all[i] = true
			for _, j := range c.needs[i] {
				all[j] = true
			}
		}
	}
	return all
}

// watch decodes the pictures as a recording of 8 frames/s does that shows them so
// early and knows what comes for so long after that, and returns which it decoded
// and which it showed. With some chance everything after a frame turns out to be
// later than it seemed, and with some other only layers are wanted any more, or
// again, up to one by chance.
func (c coded) watch(t *testing.T, rng *rand.Rand, early, ahead timebase.Ticks, jolts, turns float64) (decoded, shown map[int]bool) {
	t.Helper()
	decoded, shown = make(map[int]bool), make(map[int]bool)
	l, clock := &videoLayer{early: early}, eighths()
	next, come, wanted, steady := 0, 0, 2, 0
	for at := timebase.Ticks(0); next < len(c.units); at += clock.frameLen {
		if rng.Float64() < jolts {
			at -= timebase.Ticks(rng.IntN(int(clock.frameLen)))
			clock.start = at % clock.frameLen
		}
		first, newest := next, -1
		l.due, l.queue = l.due[:0], l.queue[:0]
		for i := first; i < len(c.units) && c.units[i].at <= at+early+ahead; i++ {
			if u := &c.units[i]; i >= come {
				come = i + 1
				u.surplus = int(u.Temporal) > wanted // as if the receiver had handed it out
			}
			if c.units[i].at < l.until(at, clock.timeline) {
				l.due, next = append(l.due, c.units[i]), i+1
			} else {
				l.queue = append(l.queue, c.units[i])
			}
		}
		if steady++; rng.Float64() < turns {
			steady, wanted = 0, rng.IntN(3)
			l.thinOut(wanted)
			copy(c.units[copy(c.units[first:], l.due)+first:], l.queue)
		}
		for k := range l.due {
			if l.skips(k, clock) {
				continue
			}
			if int(l.due[k].Temporal) > wanted && !l.due[k].Key {
				t.Fatalf("picture %d of layer %d is decoded, although layers up to %d do", first+k, l.due[k].Temporal, wanted)
			}
			newest = first + k
			decoded[newest] = true
			for _, j := range c.needs[newest] {
				if !decoded[j] {
					t.Fatalf("picture %d is decoded without %d", newest, j)
				}
			}
		}
		shown[newest] = true
		last := len(l.due) - 1
		for last >= 0 && l.due[last].surplus {
			last--
		}
		if turns > 0 && steady > 2*int(timebase.Second/clock.frameLen) && last >= 0 && newest != first+last {
			t.Fatalf("picture %d is shown, not %d", newest, first+last)
		}
	}
	return decoded, shown
}

// Of what has come, layers that are found not to be wanted are given up at once; those
// that are wanted again begin with what can be decoded.
func TestLayersThatAreNotWantedAnyMore(t *testing.T) {
	for name, h := range hierarchies {
		upper := 0
		for seed := range uint64(100) {
			rng := rand.New(rand.NewPCG(seed, 2))
			c := h.code(rng, 400, timebase.Second/timebase.Ticks(10+rng.IntN(50)))
			decoded, _ := c.watch(t, rng, 0, timebase.Second, 0, 0.05)
			for i, u := range c.units {
				if u.Temporal == 0 && !decoded[i] {
					t.Fatalf("%s, seed %d: picture %d of the lowest layer is left out", name, seed, i)
				}
				if u.Temporal > 0 && decoded[i] {
					upper++
				}
			}
		}
		if upper < 1000 && len(h) > 1 {
			t.Errorf("%s: %d pictures of upper layers are decoded", name, upper)
		}
	}
}

func eighths() frameClock { return frameClock{new(timeline), timebase.Second / 8} }

// What is decoded is what is shown and what that needs, and no more where what
// comes is known; and what is shown is what would be, were everything decoded.
func TestWhatNobodySeesIsNotDecoded(t *testing.T) {
	for name, h := range hierarchies {
		for seed := range uint64(50) {
			rng := rand.New(rand.NewPCG(seed, 0))
			c := h.code(rng, 400, timebase.Second/timebase.Ticks(10+rng.IntN(25)))
			newest, early := make(map[int]bool), timebase.Ticks(seed%3)*timebase.Second/30
			for i, u := range c.units {
				if i+1 == len(c.units) || !eighths().together(u.at, c.units[i+1].at, early) {
					newest[i] = true
				}
			}
			least := c.closure(newest)
			for _, ahead := range []timebase.Ticks{timebase.Second, timebase.Second / 5, 0} {
				decoded, shown := c.watch(t, rng, early, ahead, 0, 0)
				for i := range newest {
					if !shown[i] {
						t.Fatalf("%s, seed %d: picture %d is not shown", name, seed, i)
					}
				}
				if ahead == timebase.Second && len(decoded) > len(least)+2 { // of the last ones it is not known
					t.Errorf("%s, seed %d: %d pictures are decoded, not %d", name, seed, len(decoded), len(least))
				}
			}
		}
	}
}

// Where a sender's clock is corrected, frames show what was not to be seen; but
// nothing is decoded of which a part was skipped.
func TestCorrectionsAfterWhatWasSkipped(t *testing.T) {
	for name, h := range hierarchies {
		skipped := 0
		for seed := range uint64(50) {
			rng := rand.New(rand.NewPCG(seed, 1))
			c := h.code(rng, 400, timebase.Second/15)
			decoded, _ := c.watch(t, rng, 0, timebase.Second, 0.1, 0)
			skipped += len(c.units) - len(decoded)
		}
		if skipped == 0 && len(h) > 1 {
			t.Errorf("%s: nothing was skipped", name)
		}
	}
}

// Whatever is paused, a picture is counted to the frame that it is pulled for, which
// is none from beyond a pause.
func TestPicturesAreCountedToTheirFrames(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		some := func(n timebase.Ticks) timebase.Ticks { return timebase.Ticks(rng.Int64N(int64(n))) }
		clock := eighths()
		clock.start = some(timebase.Second)
		end := clock.start
		for range 3 {
			from := clock.pause(end + some(timebase.Second))
			end = from + some(timebase.Second)
			clock.resume(end)
		}
		l := &videoLayer{early: some(clock.frameLen)}
		for range 200 {
			at := clock.start + some(end+timebase.Second-clock.start)
			got, recorded := clock.frame(at, l.early)
			if !recorded {
				continue
			}
			want := timebase.Ticks(0)
			for at >= l.until(clock.local(want), clock.timeline) {
				want += clock.frameLen
			}
			if got != want {
				t.Fatalf("seed %d: what was captured at %d is counted to %d, and pulled for %d, of %+v", seed, at, got, want, clock.timeline)
			}
			shown := clock.local(want)
			for _, p := range clock.pauses {
				if shown < p.from && at >= p.from {
					t.Fatalf("seed %d: what was captured after a pause is shown before it", seed)
				}
			}
		}
	}
}
