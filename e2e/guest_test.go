package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/callreel/callreel/internal/simulate"
)

// guest is a simulated participant in a call.
type guest struct {
	*simulate.Participant
	leave func()
	loss  *atomic.Bool // that the server ends the call is no error
}

// expectsLoss says that the server will end before the participant leaves.
func (g guest) expectsLoss() { g.loss.Store(true) }

// join lets a simulated participant join a call, until it leaves or the test ends.
func (s *server) join(call string, cfg simulate.Config) guest {
	s.t.Helper()
	cfg.Endpoint = s.url + "/whip/" + call
	cfg.Epoch = epoch()
	p, err := simulate.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	loss := new(atomic.Bool)
	leave := sync.OnceFunc(func() {
		cancel()
		err := <-ended
		lost := errors.Is(err, simulate.ErrLost) || errors.Is(err, syscall.ECONNREFUSED)
		if err != nil && (!loss.Load() || !lost) {
			s.t.Errorf("participant %d: %v", cfg.Index, err)
		}
	})
	s.t.Cleanup(leave)
	return guest{p, leave, loss}
}

// epoch is what simulated participants count their time from: whole seconds of it
// are whole seconds of UTC.
func epoch() time.Time { return time.Now().UTC().Truncate(24 * time.Hour) }

// camera is a light participant.
func camera(index int, codec string) simulate.Config {
	return simulate.Config{Index: index, Video: codec, Audio: "opus", Width: 640, Height: 360, FPS: 15}
}

// conversation is what GET /conversations tells of a call.
type conversation struct {
	Participants []struct{ ParticipantID, DisplayName string }
	Connections  []struct {
		ParticipantID, Role, State string
		Tracks                     int
	}
}

// await waits until there are so many tracks in a call of which something came.
func (s *server) await(call string, tracks int) {
	s.t.Helper()
	eventually(s.t, func() (bool, string) {
		a := s.request(http.MethodGet, "/conversations/"+call, "")
		if a.status == http.StatusNotFound {
			return tracks == 0, a.body
		}
		var now conversation
		decode(s.t, a.body, &now)
		got := 0
		for _, c := range now.Connections {
			got += c.Tracks
		}
		return got == tracks, fmt.Sprintf("%d tracks, there are %d: %s", tracks, got, a.body)
	})
}
