package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/simulate"
	"github.com/callreel/callreel/internal/token"
)

// progressInterval is how often simulate says how it goes.
const progressInterval = 10 * time.Second

// simulateCmd lets participants join that a machine can tell apart.
type simulateCmd struct {
	To           string        `help:"URL of the server." default:"http://127.0.0.1:8080"`
	Call         string        `help:"ID of the conversation." required:"" placeholder:"ID"`
	Participants int           `help:"Number of participants." default:"4"`
	First        int           `help:"Number of the first one, which its ID, name, look and sound follow from." default:"0"`
	Codec        []string      `help:"Video codecs, in turn: vp8, vp9, h264, av1." enum:"vp8,vp9,h264,av1" default:"vp8,vp9,h264,av1"`
	Audio        string        `help:"Audio codec: opus, pcmu, pcma, g722." enum:"opus,pcmu,pcma,g722" default:"opus"`
	For          time.Duration `help:"How long; 0: until interrupted." default:"60s"`
	Size         canvasSize    `help:"Size of the pictures." default:"640x360"`
	FPS          int           `name:"fps" help:"Frames per second." default:"30"`
	Simulcast    bool          `help:"Send three layers; with vp8 and h264 only."`
	Speech       bool          `help:"Fill the time between the beeps with something like speech." default:"true" negatable:""`
	Stagger      time.Duration `help:"Time from one participant's joining to the next one's." default:"0s"`
	Stay         time.Duration `help:"How long each stays before leaving to come back; 0: to the end." default:"0s"`
	Away         time.Duration `help:"How long each stays away." default:"5s"`
	Token        string        `help:"Token, for one participant. Without it each gets one that is signed with the server's access key, if it is there." placeholder:"TOKEN"`
	Keys         keyFlags      `embed:""`
}

// Run lets them join until the time is over or ctx ends.
func (c *simulateCmd) Run(ctx context.Context, con console) error {
	crowd, err := simulate.NewCrowd(c.config())
	if err != nil {
		return fault.Caller.Wrap(err)
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	over := make(chan struct{})
	told := make(chan struct{})
	go func() {
		c.tell(con, crowd, over)
		close(told)
	}()
	err = crowd.Run(ctx)
	close(over)
	<-told
	if refused, ok := errors.AsType[*simulate.StatusError](err); ok && refused.Status < 500 {
		return fault.Caller.Wrap(err)
	}
	return fault.Source.Wrap(err)
}

func (c *simulateCmd) config() simulate.CrowdConfig {
	return simulate.CrowdConfig{
		Participant: simulate.Config{
			Endpoint: strings.TrimRight(c.To, "/") + "/whip/" + url.PathEscape(c.Call),
			Token:    c.Token,
			Index:    c.First,
			Speech:   c.Speech, Audio: c.Audio,
			Width: c.Size.width, Height: c.Size.height, FPS: c.FPS,
			Simulcast: c.Simulcast,
		},
		N: c.Participants, Codecs: c.Codec, Sign: c.signer(),
		Stagger: c.Stagger, Stay: c.Stay, Away: c.Away,
	}
}

// signer makes tokens for the participants. It is nil if they need none, or if
// there is no key, as to a server with --dev.
func (c *simulateCmd) signer() func(id, name string) (string, error) {
	if _, err := c.Keys.read(); c.Token != "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return func(id, name string) (string, error) {
		return c.Keys.sign(token.Claims{
			Scopes: []token.Scope{token.Publish}, Conversation: c.Call, Participant: id, Name: name,
			Expires: time.Now().Add(max(c.For, 24*time.Hour) + time.Hour),
		})
	}
}

// tell prints a line now and then, and one at the end.
func (c *simulateCmd) tell(con console, crowd *simulate.Crowd, over <-chan struct{}) {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		select {
		case <-over:
			c.line(con, crowd)
			return
		case <-tick.C:
			c.line(con, crowd)
		}
	}
}

func (c *simulateCmd) line(con console, crowd *simulate.Crowd) {
	var connected int
	var frames, skipped, megabytes uint64
	for _, p := range crowd.Participants() {
		s := p.Stats()
		if s.Connected {
			connected++
		}
		frames, skipped, megabytes = frames+s.Frames, skipped+s.FramesSkipped, megabytes+s.Bytes/1e6
	}
	_, _ = fmt.Fprintf(con.out, "%d of %d in the call, %d frames sent, %d skipped, %d MB\n",
		connected, c.Participants, frames, skipped, megabytes)
}
