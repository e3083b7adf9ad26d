package e2e

import (
	"fmt"
	"image"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	engine "github.com/callreel/callreel"
)

// Two people in Chromium are recorded with a pause, and what comes of it plays in
// Chromium.
func TestBrowsers(t *testing.T) {
	ann := browser(t)
	s := serve(t)
	bob := ann.another()
	m := recordPair(t, s, ann, bob, "room")
	// Fake microphones stutter on a busy machine, and two that beep at once may
	// cancel each other out, though every packet arrives: so a few beeps may be
	// missing. What is heard exactly is for TestLipSync and TestLoss to say.
	const few = 2
	for _, room := range []string{"second", "third"} {
		if silent := m.withoutBeeps(); len(silent) > few {
			t.Logf("once more, as there was no beep %v", silent)
			m = recordPair(t, s, ann, bob, room)
		}
	}
	if silent := m.withoutBeeps(); len(silent) > few {
		t.Errorf("no beep %v", silent)
	}
	ann.plays(m)
}

// recordPair records a call of two, and checks what is seen.
func recordPair(t *testing.T, s *server, ann, bob tab, room string) *movie {
	t.Helper()
	ann.join(s, room, "name=Ann&participant=ann&codec=vp8&width=640&height=360")
	bob.join(s, room, "name=Bob&participant=bob&codec=h264&width=640&height=360")
	s.await(room, 4)
	r := s.start(room)
	ann.do(until("callreel.recording === 'active' && callreel.participants === 2"))
	pass(t, 5*time.Second)
	r.pause()
	bob.do(until("callreel.recording === 'inactive'"))
	pass(t, 2*time.Second)
	r.resume()
	if now := r.state(); now != "active" {
		t.Errorf("the recording is %s", now)
	}
	pass(t, 5*time.Second)
	m := r.stop()
	ann.hangUp()
	bob.hangUp()

	m.lasts(r)
	if len(m.pauses) != 1 || m.pauses[0].DurationMs < 2000 {
		t.Errorf("pauses: %v", m.pauses)
	}
	for i, tile := range grid(2) {
		if moved, of := m.moving(tile, settled, m.n); moved < of*8/10 {
			t.Errorf("tile %d moves in %d of %d frames", i, moved, of)
		}
	}
	for _, track := range r.tracks() {
		if n := track.Received(); track.Sound != nil && (n.Packets == 0 || n.Lost > 0) {
			t.Errorf("%d packets of sound came, %d were lost", n.Packets, n.Lost)
		}
	}
	return m
}

// withoutBeeps returns where fake microphones are not heard, which beep twice a
// second, if not punctually.
func (m *movie) withoutBeeps() (silent []string) {
	const window = time.Second / 50
	last, loud := time.Second, false // it may take a second until all are heard
	for at := time.Duration(0); at+window <= m.heard(); at += window {
		level := m.pcm.loudness(at, at+window)
		if !loud && level > 0.02 {
			last = max(last, at)
		}
		loud = level > 0.005
		if at-last > 900*time.Millisecond {
			silent = append(silent, fmt.Sprintf("from %v to %v", last, at))
			last = at
		}
	}
	return silent
}

// Chromium's VP9, in layers, and AV1 are recorded, too, and of its sound only what
// can be heard is decoded.
func TestBrowserCodecs(t *testing.T) {
	ann := browser(t)
	s := serve(t, "--capture")
	bob := ann.another()
	ann.join(s, "room", "name=Ann&participant=ann&codec=vp9&svc=L2T3_KEY&width=640&height=360")
	bob.join(s, "room", "name=Bob&participant=bob&codec=av1&width=640&height=360")
	s.await("room", 4)
	bob.do(chromedp.Click("#mic"))
	r := s.start("room")
	pass(t, 6*time.Second)
	m := r.stop()
	ann.hangUp()
	bob.hangUp()
	checkSpared(t, s.stored(r.id, "capture.pcapng"), "ann", "bob")
	for i, tile := range grid(2) {
		if moved, of := m.moving(tile, 2*settled, m.n); moved < of*8/10 {
			t.Errorf("tile %d moves in %d of %d frames", i, moved, of)
		}
	}
	codecs := make(map[string]bool)
	for _, track := range r.tracks() {
		codecs[track.MimeType] = true
		if track.MimeType == "video/VP9" && !slices.ContainsFunc(track.Pictures.Used, func(u engine.LayerUse) bool { return u.Temporal == 1 }) {
			t.Errorf("not thinned out: %+v", track.Pictures.Used)
		}
	}
	if !codecs["video/VP9"] || !codecs["video/AV1"] {
		t.Errorf("recorded %v", codecs)
	}
}

// A browser that sends three sizes at once is recorded in the largest.
func TestSimulcastBrowser(t *testing.T) {
	ann := browser(t)
	s := serve(t)
	ann.join(s, "room", "name=Ann&participant=ann&codec=vp8&simulcast=1&width=1280&height=720")
	r := s.start("room")
	s.await("room", 4)
	pass(t, 8*time.Second)
	m := r.stop()
	ann.hangUp()
	if moved, of := m.moving(grid(1)[0], m.n/2, m.n); moved < of*8/10 {
		t.Errorf("the tile moves in %d of %d frames", moved, of)
	}
	shown := make(map[string]time.Duration)
	for _, track := range r.tracks() {
		if track.Pictures != nil {
			for _, use := range track.Pictures.Used {
				shown[use.RID] += use.Duration
			}
		}
	}
	if shown["f"] == 0 {
		t.Errorf("layers shown: %v", shown)
	}
	t.Log(shown)
}

// slides is a page of two colours, which does not change.
const slides = `data:text/html,<title>Slides</title>
<body style="margin: 0; height: 100vh; background: linear-gradient(to right, rgb(200 0 0) 50%25, rgb(0 0 200) 50%25)">`

// screenAspect is JavaScript for the aspect of the screen that is shared.
const screenAspect = `(({ width, height }) => width / height)(
  callreel.screenPc.getSenders().find((s) => s.track?.kind === "video").track.getSettings())`

// A shared screen has a tile of its own, of which nothing is cut off; and stays
// though it does not change.
func TestScreenShare(t *testing.T) {
	ann := browser(t,
		chromedp.Flag("use-fake-ui-for-media-stream", false), // shares a fake camera instead of a screen
		chromedp.Flag("auto-accept-camera-and-microphone-capture", true),
		chromedp.Flag("auto-select-tab-capture-source-by-title", "Slides"),
		chromedp.WindowSize(1200, 400),
	)
	s := serve(t)
	ann.join(s, "room", "name=Ann&participant=ann&codec=vp8&width=640&height=360")
	ann.another().do(chromedp.Navigate(slides))
	ann.do(
		chromedp.Click("#share"), until("callreel.screenPc?.connectionState === 'connected'"),
		until(screenAspect+" > 2"), // what was asked for, until there is a picture
	)
	aspect, err := chromedp.Run(ann.ctx, chromedp.Evaluate[float64](screenAspect))
	must(t, err)
	s.await("room", 4) // the screen has sound
	r := s.start("room")
	pass(t, 6*time.Second)
	m := r.stop()
	checkScreen(t, m, grid(2)[0], aspect)
	if moved, of := m.moving(grid(2)[1], 2*settled, m.n); moved < of*8/10 {
		t.Errorf("the camera moves in %d of %d frames", moved, of)
	}
}

// checkScreen checks that a tile shows red and blue with bars above and below.
// Chromium sends a still page once a second, so that it may come that late.
func checkScreen(t *testing.T, m *movie, tile image.Rectangle, aspect float64) {
	t.Helper()
	height := int(float64(tile.Dx()) / aspect)
	top := tile.Min.Y + (tile.Dy()-height)/2
	left := image.Rect(tile.Min.X+20, top+10, tile.Min.X+tile.Dx()/2-20, top+height/2)
	right := left.Add(image.Pt(tile.Dx()/2, 0))
	bar := image.Rect(tile.Min.X, tile.Min.Y, tile.Max.X, top-4)
	for n, img := range m.frames() {
		if n < 2*settled {
			continue
		}
		if c := img.YCbCrAt(left.Min.X, left.Min.Y); c.Cr < 180 || spread(img, left) > 4 {
			t.Errorf("frame %d: the left half is %v", n, c)
		}
		if c := img.YCbCrAt(right.Min.X, right.Min.Y); c.Cb < 180 || spread(img, right) > 4 {
			t.Errorf("frame %d: the right half is %v", n, c)
		}
		if c := img.YCbCrAt(bar.Min.X, bar.Min.Y); spread(img, bar) > 2 || c.Cr > 140 {
			t.Errorf("frame %d: the bar is %v", n, c)
		}
	}
}
