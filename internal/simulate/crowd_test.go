package simulate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/simulate"
)

func TestCrowdComesAndGoes(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	crowd, err := simulate.NewCrowd(simulate.CrowdConfig{
		Participant: simulate.Config{
			Endpoint: c.url, HTTPClient: c.client, Index: 10, Audio: "opus", Width: 320, Height: 180, FPS: 10,
		},
		N: 4, Codecs: []string{"vp8", "h264", ""}, Names: []string{"Zoe"},
		Stagger: 50 * time.Millisecond, Stay: 300 * time.Millisecond, Away: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	leave := run(t, crowd)
	codecs := map[string]string{"simulated-10": "video/VP8", "simulated-11": "video/H264", "simulated-13": "video/VP8"}
	c.wait(t, "eight joins and everybody's video", func() bool {
		for id, mime := range codecs {
			if c.find(id, mime, "") == nil {
				return false
			}
		}
		return c.joins >= 8
	})
	if err := leave(); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.roster) != 0 {
		t.Errorf("still there: %v", c.roster)
	}
	everyone := crowd.Participants()
	if name := everyone[0].Config().Name; name != "Zoe" || len(everyone) != 4 {
		t.Errorf("%d participants, the first is %s", len(everyone), name)
	}
	if a, b := everyone[0].Config(), everyone[3].Config(); !a.Epoch.Equal(b.Epoch) || a.Tone == b.Tone {
		t.Errorf("%v %d, %v %d", a.Epoch, a.Tone, b.Epoch, b.Tone)
	}
}

func TestCrowdErrors(t *testing.T) {
	good := simulate.CrowdConfig{Participant: simulate.Config{Endpoint: "http://localhost/whip/a", Audio: "opus"}, N: 2}
	for name, spoil := range map[string]func(*simulate.CrowdConfig){
		"nobody":        func(c *simulate.CrowdConfig) { c.N = 0 },
		"too many":      func(c *simulate.CrowdConfig) { c.N = 1001 },
		"negative time": func(c *simulate.CrowdConfig) { c.Away = -1 },
		"codec":         func(c *simulate.CrowdConfig) { c.Codecs = []string{"vp8", "divx"} },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := simulate.NewCrowd(cfg); !errors.Is(err, simulate.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := newCall(t)
	good.Participant.Token, good.Participant.Endpoint, good.Participant.HTTPClient = "wrong", c.url, c.client
	crowd, err := simulate.NewCrowd(good)
	if err != nil {
		t.Fatal(err)
	}
	var refused *simulate.StatusError
	if err := crowd.Run(t.Context()); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}
