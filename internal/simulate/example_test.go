package simulate_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/simulate"
)

// A participant joins a conversation that greets who comes, and leaves again.
func Example() {
	ctx, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	conversation := door{open: func(p ingest.Participant) {
		fmt.Println("hello,", p.Name)
		hangUp()
	}}
	server, err := whip.New(whip.Config{
		Sink:      func(context.Context, string) (ingest.Sink, error) { return conversation, nil },
		Authorize: authorize,
		Loopback:  true,
	})
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(server)
	defer web.Close()

	p, err := simulate.New(simulate.Config{
		Endpoint: web.URL + "/whip/room-1", HTTPClient: web.Client(),
		Index: 1, Video: "vp8", Audio: "opus",
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Run(ctx), server.Close(context.Background()))
	// Output:
	// hello, Bob
	// <nil> <nil>
}

// door is a conversation that takes no tracks.
type door struct{ open func(ingest.Participant) }

func (d door) Join(p ingest.Participant) (leave func(), err error) {
	d.open(p)
	return func() {}, nil
}

func (d door) AddTrack(ingest.TrackInfo) (ingest.Writer, error) { return nil, ingest.ErrClosed }
