package simulate_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/simulate"
)

// run lets a participant take part until the returned function is called, which
// returns what Run does.
func run(t *testing.T, p interface{ Run(context.Context) error }) (leave func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(cancel)
	return func() error { cancel(); return <-ended }
}

func newParticipant(t *testing.T, c *call, cfg simulate.Config) *simulate.Participant {
	t.Helper()
	cfg.Endpoint, cfg.HTTPClient = c.url, c.client
	p, err := simulate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	p := newParticipant(t, c, simulate.Config{
		ID: "ann b&c", Name: "Änn", Role: ingest.Screen, Video: "vp8", Audio: "opus", Width: 320, Height: 180, FPS: 10,
	})
	leave := run(t, p)
	c.wait(t, "pictures", func() bool {
		v := c.find("ann b&c", "video/VP8", "")
		return v != nil && len(v.units) > 1 && v.info.Role == ingest.Screen
	})
	if err := p.Run(t.Context()); !errors.Is(err, simulate.ErrRunning) {
		t.Errorf("second Run: %v", err)
	}
	c.mu.Lock()
	if c.roster["ann b&c"] != "Änn" {
		t.Errorf("roster %v", c.roster)
	}
	c.mu.Unlock()
	if s := p.Stats(); !s.Connected || s.Joins != 1 || s.Frames == 0 || s.KeyFrames == 0 || s.Packets == 0 || s.Bytes == 0 {
		t.Errorf("%+v", s)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
	if len(c.Sessions()) != 0 || c.deletes.Load() != 1 || p.Stats().Connected {
		t.Error("the session goes on")
	}

	again := run(t, p)
	c.wait(t, "pictures of a second session", func() bool {
		v := c.find("ann b&c", "video/VP8", "")
		return v != nil && !v.closed && len(v.units) > 0
	})
	if err := again(); err != nil || p.Stats().Joins != 2 {
		t.Errorf("%v, %+v", err, p.Stats())
	}
}

func TestKeyFrameOnRequest(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	p := newParticipant(t, c, simulate.Config{ID: "ann", Video: "h264", Width: 320, Height: 180})
	leave := run(t, p)
	var asked int
	c.wait(t, "pictures", func() bool {
		v := c.find("ann", "video/H264", "")
		if v == nil || len(v.units) < 5 {
			return false
		}
		asked = len(v.units)
		v.info.RequestKeyFrame()
		return true
	})
	c.wait(t, "a key frame", func() bool {
		for _, u := range c.find("ann", "video/H264", "").units[asked:] {
			if u.Key {
				return true
			}
		}
		return false
	})
	if err := leave(); err != nil || p.Stats().KeyFrameRequests == 0 {
		t.Errorf("%v, %+v", err, p.Stats())
	}
}

func TestSimulcast(t *testing.T) {
	t.Parallel()
	for _, video := range []string{"vp8", "h264"} {
		c := newCall(t)
		leave := run(t, newParticipant(t, c, simulate.Config{ID: "ann", Video: video, Simulcast: true, FPS: 10}))
		mime := "video/" + strings.ToUpper(video)
		for rid, width := range map[string]int{"q": 160, "h": 320, "f": 640} {
			c.wait(t, "layer "+rid, func() bool {
				v := c.find("ann", mime, rid)
				return v != nil && len(v.units) > 2 && len(v.reports) > 0 && v.units[0].Width == width
			})
		}
		if err := leave(); err != nil {
			t.Error(err)
		}
	}
}

func TestMute(t *testing.T) {
	t.Parallel()
	for _, mode := range []simulate.MuteMode{simulate.MuteSilence, simulate.MuteStop} {
		c := newCall(t)
		p := newParticipant(t, c, simulate.Config{ID: "ann", Video: "vp8", Audio: "opus", Width: 320, Height: 180, FPS: 30, MuteMode: mode})
		leave := run(t, p)
		count := func() (video, audio int) {
			if v, a := c.find("ann", "video/VP8", ""), c.find("ann", "audio/opus", ""); v != nil && a != nil {
				return len(v.units), len(a.units)
			}
			return 0, 0
		}
		both := func() bool { v, a := count(); return v > 2 && a > 2 }
		c.wait(t, "sound and pictures", both)
		p.Mute(false, true)
		c.mu.Lock()
		pictures, before := count()
		c.mu.Unlock()
		c.wait(t, "sound of someone unseen", func() bool { _, a := count(); return a > before+25 })
		c.mu.Lock()
		checkUnseen(t, c.find("ann", "video/VP8", ""), pictures, mode)
		c.mu.Unlock()
		c.mu.Lock()
		seen, _ := count()
		c.mu.Unlock()
		p.Mute(true, false)
		c.wait(t, "pictures again", func() bool { v, _ := count(); return v > seen+3 })
		if err := leave(); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusal(t *testing.T) {
	c := newCall(t)
	p := newParticipant(t, c, simulate.Config{Token: "wrong", Audio: "opus"})
	err := p.Run(t.Context())
	var refused *simulate.StatusError
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || refused.Method != http.MethodPost {
		t.Errorf("%v", err)
	}
	if !strings.Contains(err.Error(), "401 Unauthorized") {
		t.Errorf("%v", err)
	}
}

func TestToken(t *testing.T) {
	c := newCall(t)
	leave := run(t, newParticipant(t, c, simulate.Config{ID: "ann", Token: "tom", Audio: "opus"}))
	c.wait(t, "sound of Tom", func() bool { a := c.find("tom", "audio/opus", ""); return a != nil && len(a.units) > 0 })
	if err := leave(); err != nil {
		t.Error(err)
	}
}

func TestServerHangsUp(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	p := newParticipant(t, c, simulate.Config{ID: "ann", Audio: "opus"})
	ended := make(chan error, 1)
	go func() { ended <- p.Run(context.Background()) }()
	c.wait(t, "sound", func() bool { a := c.find("ann", "audio/opus", ""); return a != nil && len(a.units) > 0 })
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, simulate.ErrLost) {
		t.Errorf("%v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	p, err := simulate.New(simulate.Config{Endpoint: "http://127.0.0.1:1/whip/room", Audio: "opus", HTTPClient: &http.Client{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil {
		t.Error("joined nothing")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("ended by its context: %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	good := simulate.Config{Endpoint: "http://localhost/whip/a", Video: "VP8", Audio: "Opus"}
	if _, err := simulate.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*simulate.Config){
		"no endpoint":    func(c *simulate.Config) { c.Endpoint = "" },
		"not HTTP":       func(c *simulate.Config) { c.Endpoint = "rtmp://localhost/a" },
		"no media":       func(c *simulate.Config) { c.Video, c.Audio = "", "" },
		"video codec":    func(c *simulate.Config) { c.Video = "h265" },
		"audio codec":    func(c *simulate.Config) { c.Audio = "aac" },
		"odd width":      func(c *simulate.Config) { c.Width, c.Height = 641, 360 },
		"small":          func(c *simulate.Config) { c.Width, c.Height = 640, 100 },
		"large":          func(c *simulate.Config) { c.Width, c.Height = 8192, 4320 },
		"half a size":    func(c *simulate.Config) { c.Width = 640 },
		"frame rate":     func(c *simulate.Config) { c.FPS = 29 },
		"bit rate":       func(c *simulate.Config) { c.BitRate = -1 },
		"index":          func(c *simulate.Config) { c.Index = 1 << 16 },
		"tone":           func(c *simulate.Config) { c.Tone = 20 },
		"layers of AV1":  func(c *simulate.Config) { c.Video, c.Simulcast = "av1", true },
		"long name":      func(c *simulate.Config) { c.Name = strings.Repeat("x", 1000) },
		"role":           func(c *simulate.Config) { c.Role = 9 },
		"mute mode":      func(c *simulate.Config) { c.MuteMode = 9 },
		"future epoch":   func(c *simulate.Config) { c.Epoch = time.Now().Add(time.Hour) },
		"epoch long ago": func(c *simulate.Config) { c.Epoch = time.Unix(0, 0) },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := simulate.New(cfg); !errors.Is(err, simulate.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
