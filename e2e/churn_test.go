package e2e

import (
	"image"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/simulate"
)

// The participants of TestChurn.
const (
	stayer = iota
	leaver
	muter
	unseen  // has no camera
	unheard // has no microphone
	latecomer
)

// People come, go and mute; some have no camera or no microphone.
func TestChurn(t *testing.T) {
	t.Parallel()
	s := serve(t, "--rejoin-grace=-1s") // who leaves is gone
	s.join("room", camera(stayer, "vp8"))
	leaving := s.join("room", camera(leaver, "h264"))
	muted := camera(muter, "vp8")
	muted.MuteMode = simulate.MuteStop
	muting := s.join("room", muted)
	s.join("room", simulate.Config{Index: unseen, Audio: "opus"})
	silent := camera(unheard, "vp9")
	silent.Audio = ""
	s.join("room", silent)
	s.await("room", 8)

	r := s.start("room")
	began := time.Now()
	since := func() time.Duration { return time.Since(began) }
	pass(t, 2*time.Second)
	joining := since()
	s.join("room", camera(latecomer, "vp8"))
	s.await("room", 10)
	joined := since()
	muting.Mute(true, true)
	mutedAt := since()
	pass(t, 5500*time.Millisecond) // the last picture stands for 3 s
	muting.Mute(false, false)
	unmuted := since()
	pass(t, 1500*time.Millisecond)
	leavingAt := since()
	leaving.leave()
	left := since()
	pass(t, 2*time.Second)
	m := r.stop()

	end := m.length() - frameTime
	c := rollCall{m: m, tiles: countTiles(m, joining, joined, leavingAt, left)}
	c.read()
	c.sees(t, stayer, 0, end)
	c.sees(t, unheard, 0, end)
	c.sees(t, latecomer, joined, end)
	c.misses(t, latecomer, 0, joining)
	c.sees(t, leaver, 0, leavingAt)
	c.misses(t, leaver, left, end)
	c.sees(t, muter, 0, mutedAt)
	c.misses(t, muter, mutedAt+4*time.Second, unmuted)
	c.sees(t, muter, unmuted+time.Second, end)
	c.misses(t, unseen, 0, end)
	c.avatars(t, mutedAt+4*time.Second, unmuted)

	m.hears(t, stayer, 0, end)
	m.hears(t, unseen, 0, end)
	m.hears(t, latecomer, joined+time.Second, end)
	m.silent(t, latecomer, 0, joining)
	m.hears(t, leaver, 0, leavingAt)
	m.silent(t, leaver, left+time.Second, end)
	m.hears(t, muter, 0, mutedAt)
	m.silent(t, muter, mutedAt+time.Second, unmuted)
	m.hears(t, muter, unmuted+time.Second, end)
	m.silent(t, unheard, 0, end)

	if d := r.details(); len(d.Participants) != 6 {
		t.Errorf("participants: %v", d.Participants)
	}
	if t.Failed() {
		for _, track := range r.tracks() {
			t.Logf("%+v %+v", track, track.Sound)
		}
	}
}

// countTiles returns how many tiles a frame has: five, one more once somebody has
// joined, and one less once somebody has left. It is 0 around these times.
func countTiles(m *movie, joining, joined, leaving, left time.Duration) []int {
	tiles := make([]int, m.n)
	for n := range tiles {
		switch at := time.Duration(n) * frameTime; {
		case at < joining-frameTime, at > left+settling:
			tiles[n] = 5
		case at > joined+settling && at < leaving-frameTime:
			tiles[n] = 6
		}
	}
	return tiles
}

// settling is how long a change in the call may take to be seen.
const settling = time.Second

// rollCall is who is seen in which frame.
type rollCall struct {
	m      *movie
	tiles  []int
	there  []map[int]time.Duration
	blanks []int // tiles of a frame with nobody in them but an avatar
}

func (c *rollCall) read() {
	for n, img := range c.m.frames() {
		there, blanks := map[int]time.Duration{}, 0
		if c.tiles[n] > 0 {
			there = read(img, c.tiles[n])
			blanks = avatars(img, c.tiles[n])
		}
		c.there, c.blanks = append(c.there, there), append(c.blanks, blanks)
	}
}

// avatars counts the tiles without a participant's picture, which must be plain
// but for something in the middle.
func avatars(img *image.YCbCr, tiles int) (n int) {
	for _, tile := range grid(tiles) {
		if _, ok := simulate.ReadStrip(img, tile); ok {
			continue
		}
		centre := image.Rect(-tile.Dx()/10, -tile.Dy()/8, tile.Dx()/10, tile.Dy()/8).Add(tile.Min.Add(tile.Max).Div(2))
		edge := image.Rect(tile.Min.X+8, tile.Min.Y+8, tile.Max.X-8, tile.Min.Y+tile.Dy()/8)
		if spread(img, centre) > 10 && spread(img, edge) < 4 {
			n++
		}
	}
	return n
}

// during calls f for each frame of a time whose tiles are known.
func (c *rollCall) during(from, to time.Duration, f func(n int)) {
	for n := range c.there {
		if at := time.Duration(n) * frameTime; c.tiles[n] > 0 && at >= from+settling && at < to-frameTime {
			f(n)
		}
	}
}

func (c *rollCall) sees(t *testing.T, index int, from, to time.Duration) {
	t.Helper()
	c.during(from, to, func(n int) {
		if _, ok := c.there[n][index]; !ok {
			t.Errorf("frame %d does not show participant %d: %v", n, index, c.there[n])
		}
	})
}

func (c *rollCall) misses(t *testing.T, index int, from, to time.Duration) {
	t.Helper()
	c.during(from, to, func(n int) {
		if _, ok := c.there[n][index]; ok {
			t.Errorf("frame %d shows participant %d: %v", n, index, c.there[n])
		}
	})
}

// avatars checks that those without a picture have one: the muted one from one
// time to another, and always the one without a camera.
func (c *rollCall) avatars(t *testing.T, from, to time.Duration) {
	t.Helper()
	check := func(want int) func(int) {
		return func(n int) {
			if c.blanks[n] != want {
				t.Errorf("frame %d has %d avatars, want %d", n, c.blanks[n], want)
			}
		}
	}
	c.during(0, from-4*time.Second, check(1))
	c.during(from, to, check(2))
	c.during(to+time.Second, c.m.length(), check(1))
}

// beepsBetween returns the beeps of a participant in a time, and how many whole
// seconds are in it, in each of which there should be one.
func (m *movie) beepsBetween(index int, from, to time.Duration) (beeps, seconds int) {
	for _, at := range m.pcm.beeps(simulate.ToneOf(index)) {
		if at >= from && at < to {
			beeps++
		}
	}
	return beeps, int((to - from) / time.Second)
}

func (m *movie) hears(t *testing.T, index int, from, to time.Duration) {
	t.Helper()
	if beeps, seconds := m.beepsBetween(index, from, to); beeps < seconds || beeps > seconds+1 {
		t.Errorf("participant %d beeps %d times from %v to %v, in all at %v", index, beeps, from, to, m.pcm.beeps(simulate.ToneOf(index)))
	}
}

func (m *movie) silent(t *testing.T, index int, from, to time.Duration) {
	t.Helper()
	if beeps, _ := m.beepsBetween(index, from, to); beeps > 0 {
		t.Errorf("participant %d beeps %d times from %v to %v", index, beeps, from, to)
	}
}

// A recording may begin, and end, before anybody comes.
func TestEmptyCall(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := s.start("room")
	pass(t, 2*time.Second)
	m := r.stop()
	m.lasts(r)
	if l := m.pcm.loudness(0, m.heard()); l > 0.001 {
		t.Errorf("a loudness of %v in an empty call", l)
	}
	if len(r.details().Participants) > 0 {
		t.Errorf("%+v", r.details())
	}
}

// Twenty-five fill the grid.
func TestTwentyFive(t *testing.T) {
	const people = 25
	s := serve(t)
	for i := range people {
		cfg := camera(i, "vp8")
		cfg.Width, cfg.Height, cfg.FPS = 320, 180, 10
		s.join("room", cfg)
	}
	s.await("room", 2*people)
	r := s.start("room")
	pass(t, 5*time.Second)
	m := r.stop()
	m.lasts(r)
	for n, img := range m.frames() {
		if n < 2*settled {
			continue
		}
		if who := read(img, people); len(who) != people {
			t.Errorf("frame %d shows %d people: %v", n, len(who), who)
		}
	}
	m.hearsAll(t, people)
	if d := r.details(); len(d.Participants) != people {
		t.Errorf("%d participants: %v", len(d.Participants), d.Participants)
	}
}

// hearsAll checks that the beeps of so many participants are heard together. The
// limiter makes them faint; so they are held against tones that nobody has.
func (m *movie) hearsAll(t *testing.T, people int) {
	t.Helper()
	const window = sampleRate / 20
	second := m.began.Truncate(time.Second).Add(2 * time.Second).Sub(m.began)
	for ; second < m.heard()-time.Second; second += time.Second {
		from := int((second + simulate.FlashTime/4) * sampleRate / time.Second)
		noise := 0.0
		for i := people; i < 2*people; i++ {
			noise = max(noise, m.pcm[from:from+window].level(simulate.ToneOf(i)))
		}
		for i := range people {
			if l := m.pcm[from : from+window].level(simulate.ToneOf(i)); l < 0.01 || l < 2*noise {
				t.Errorf("participant %d beeps with %.4f at %v, nobody with %.4f", i, l, second, noise)
			}
		}
	}
}
