package callreel_test

import (
	"image"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/ingest"
)

// Of a simulcast the smallest layer that covers the tile is decoded: the large
// one as long as the participant is alone, the small one among four, and the
// large one again, without a hole in between.
func TestLayerFollowsTheTile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		later := time.Now().Add(time.Hour) // no flashes
		large, small := person(conv, 1, later), person(conv, 10, later)
		large.rid, large.small, large.size = "f", small, image.Pt(640, 360)
		small.rid, small.who, small.size = "h", large.who, image.Pt(320, 180)
		leave := r.join(large)
		time.Sleep(time.Second)
		rec := r.start(smallConfig("room"))
		time.Sleep(4 * time.Second)
		var left []func()
		for _, id := range []string{"x", "y", "z"} {
			out, err := conv.Join(ingest.Participant{ID: id})
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, out)
		}
		time.Sleep(2 * time.Second)
		large.cut.Store(true) // it is not used now
		time.Sleep(300 * time.Millisecond)
		large.cut.Store(false)
		time.Sleep(1700 * time.Millisecond)
		for _, out := range left {
			out()
		}
		time.Sleep(4 * time.Second)
		res := r.stop(rec)
		leave()

		m := decode(t, r.file(res.Chunks[0]), image.Pt(640, 360))
		one, four := grid(1)[0], grid(4)[0]
		m.shows(28, one, 46)   // 3.5 s: large
		m.shows(60, four, 100) // 7.5 s: small
		m.shows(92, one, 46)   // 11.5 s: large
		for n := 8; n < len(m.frames); n++ {
			tile := one
			if n >= 32 && n < 64 {
				tile = four
			}
			if g := m.grey(n, tile); g < 31 || g > 39 && g < 94 || g > 102 {
				t.Errorf("frame %d is %.0f", n, g)
			}
		}
		v := track(t, res.Report, "p01", "video")
		if sum := v.Received(); sum.Lost > 0 || sum.LostUnused == 0 {
			t.Errorf("%d packets lost, %d unused", sum.Lost, sum.LostUnused)
		}
		// Each layer when it begins and when it is changed to: the first answer counts.
		if n := v.Received().KeyFrames; n != 4 {
			t.Errorf("%d key frames", n)
		}
		used := make(map[string]time.Duration)
		for _, u := range v.Pictures.Used {
			used[u.RID] += u.Duration
		}
		if used["f"] < 7*time.Second || used["h"] < 3*time.Second {
			t.Errorf("used %v", used)
		}
	})
}

// Who is not seen is not decoded, and is told so; as soon as there is a tile the
// picture is asked for.
func TestHiddenPeopleAreNotDecoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		var left []func()
		for i := range compositor.MaxTiles {
			out, err := conv.Join(ingest.Participant{ID: string(rune('a' + i))})
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, out)
		}
		ann := person(conv, 10, time.Now().Add(time.Hour))
		ann.noAudio = true
		var mu sync.Mutex
		var sizes []image.Point
		ann.sized = func(w, h int) {
			mu.Lock()
			defer mu.Unlock()
			sizes = append(sizes, image.Pt(w, h))
		}
		leave := r.join(ann)
		time.Sleep(time.Second)
		rec := r.start(smallConfig("room"))
		time.Sleep(5 * time.Second)
		left[0]()
		left[1]()
		time.Sleep(3 * time.Second)
		res := r.stop(rec)
		for _, out := range left[2:] {
			out()
		}
		leave()

		m := decode(t, r.file(res.Chunks[0]), image.Pt(640, 360))
		tiles := grid(24)
		m.shows(48, tiles[23], 100) // a second after there is room
		v := track(t, res.Report, "p10", "video")
		if v.Decoded > 60 { // 15 frames/s for 3 s
			t.Errorf("%d pictures decoded", v.Decoded)
		}
		if b := v.Pictures.Blank; b.Total > 500*time.Millisecond {
			t.Errorf("blank %+v", b)
		}
		mu.Lock()
		defer mu.Unlock()
		if want := tiles[0].Size(); len(sizes) != 2 || sizes[0] != (image.Point{}) || sizes[1] != want {
			t.Errorf("sizes asked for: %v, want none and %v", sizes, want)
		}
	})
}

// Of three temporal layers only as many are decoded as the file needs.
func TestFewestTemporalLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ann := person(r.conversation("room"), 1, time.Now().Add(time.Hour))
		layered := temporalVP8()
		ann.noAudio, ann.format, ann.every = true, &layered, time.Second/30
		leave := r.join(ann)
		time.Sleep(time.Second)
		for quality, pictures := range map[callreel.Quality]uint64{callreel.Balanced: 150, callreel.Economy: 75} { // of 300
			cfg := smallConfig("room")
			cfg.Video.Quality = quality
			rec := r.start(cfg)
			time.Sleep(10 * time.Second)
			res := r.stop(rec)
			v := track(t, res.Report, "p01", "video")
			if v.DecodeErrors > 0 || v.Pictures.Frozen.Count > 0 || v.Decoded < pictures-10 || v.Decoded > pictures+1 {
				t.Errorf("%s: %+v %+v", quality, v, v.Pictures)
			}
			m := decode(t, r.file(res.Chunks[0]), image.Pt(640, 360))
			for n := 8; n < len(m.frames); n++ {
				m.shows(n, grid(1)[0], 46)
			}
		}
		leave()
	})
}

// Where only every fourth picture is decoded each is shown so early that, on average, it is
// in time, and no frame shows what is further from it than half of what is between two.
func TestFewLayersAreInTime(t *testing.T) {
	const people, every = 9, oddEvery / 2
	p := throw(t, people, 20*time.Second, func(_ int, c *caller) {
		layered := temporalVP8()
		c.format, c.every = &layered, every
	})
	var late []float64
	for i := range people {
		v := p.track(i, "video")
		if all := uint64(p.length / every); v.Decoded < all/4-2 || v.Decoded > all/4+12 || v.DecodeErrors > 0 {
			t.Errorf("%d of %d pictures decoded, %d errors", v.Decoded, all, v.DecodeErrors)
		}
		const from, to = 4 * time.Second, 19 * time.Second
		late = append(late, minus(p.seen(i, grid(people)[i], from, to), p.heard(i, from, to))...)
	}
	own := lips(late, 0)
	own.mean += every.Seconds() / 2 // from a flash to the first picture of it
	if !(math.Abs(own.mean) < limit/2) || !(own.p95 < 2*every.Seconds()+limit) {
		t.Errorf("pictures are %.1f ms later than sound, 95 %% within %.1f ms", 1000*own.mean, 1000*own.p95)
	}
	t.Logf("A/V %.1f ms (%.1f)", 1000*own.mean, 1000*own.p95)
}
