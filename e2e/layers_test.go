package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/callreel/callreel/internal/simulate"
)

// Of what a browser sends at once that is used which suits its tile: the largest
// layer alone, a smaller one among five, the largest again. The picture goes on
// without a hole.
func TestSimulcastFollowsTheTile(t *testing.T) {
	const index, others = 0, 4
	cfg := simulate.Config{Index: index, Width: 1280, Height: 720, FPS: 15}
	video, audio := film(t, cfg, 40*time.Second)
	ann := browser(t,
		chromedp.Flag("use-file-for-fake-video-capture", video),
		chromedp.Flag("use-file-for-fake-audio-capture", audio),
	)
	s := serve(t, "--rejoin-grace=-1s")
	ann.visit(s, "room")
	ann.publish(publication{
		Call: "room", Participant: "ann", Codec: "vp8", Stream: cameraStream(cfg.Width, cfg.Height, cfg.FPS),
		Encodings: []map[string]any{
			{"rid": "q", "scaleResolutionDownBy": 4, "maxBitrate": 100_000},
			{"rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 200_000},
			{"rid": "f", "maxBitrate": 500_000},
		},
	})
	ann.sends(cfg.Width, cfg.FPS)
	r := s.start("room")
	pass(t, 4*time.Second)
	var guests []guest
	for i := range others {
		guests = append(guests, s.join("room", simulate.Config{Index: index + 1 + i, Audio: "opus"}))
	}
	s.await("room", 4+others)
	pass(t, 5*time.Second)
	for _, g := range guests {
		g.leave()
	}
	pass(t, 5*time.Second)
	m := r.stop()
	ann.unpublish()
	checkGoesOn(t, m, index, others+1)

	shown := make(map[string]time.Duration)
	for _, track := range r.tracks() {
		if track.Pictures != nil && track.Role == "camera" {
			for _, use := range track.Pictures.Used {
				shown[use.RID] += use.Duration
			}
		}
	}
	if t.Log(shown); shown["f"] < 6*time.Second || shown["h"] < 3*time.Second || shown["q"] > time.Second {
		t.Errorf("layers shown: %v", shown)
	}
}

// checkGoesOn checks that each frame shows a participant, whose tile is the first
// of as many as there may be, and that its time goes on without a hole.
func checkGoesOn(t *testing.T, m *movie, index, most int) {
	t.Helper()
	const hole = 300 * time.Millisecond // from one frame to the next
	last := time.Duration(-1)
	for n, img := range m.frames() {
		now := time.Duration(-1)
		for tiles := 1; tiles <= most && now < 0; tiles++ {
			if s, ok := simulate.ReadStrip(img, grid(tiles)[0]); ok && s.Index == index {
				now = s.Time
			}
		}
		switch {
		case now < 0 && (last >= 0 || n >= settled):
			t.Errorf("frame %d does not show participant %d", n, index)
		case last >= 0 && (now < last || now-last > hole):
			t.Errorf("frame %d shows %v, the one before %v", n, now, last)
		}
		if now >= 0 {
			last = now
		}
	}
}
