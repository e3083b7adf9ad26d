package whip_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
)

func Example() {
	conversation := newSink() // a conversation of yours
	server, err := whip.New(whip.Config{
		Sink: func(context.Context, string) (ingest.Sink, error) { return conversation, nil },
		Authorize: func(r *http.Request, _ string) (whip.Grant, error) {
			if r.Header.Get("Authorization") != "Bearer secret" {
				return whip.Grant{}, whip.ErrUnauthorized
			}
			return whip.Grant{Participant: ingest.Participant{ID: "ann"}}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(server)
	defer web.Close()

	res, err := http.Post(web.URL+"/whip/room-1", "application/sdp", strings.NewReader("v=0"))
	if err != nil {
		panic(err)
	}
	fmt.Println(res.StatusCode, errors.Join(res.Body.Close(), server.Close(context.Background())))
	// Output: 401 <nil>
}
