package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/callreel/callreel/client"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path) // a callreel server would do more
		_, _ = io.WriteString(w, `{"recordingId":"0198"}`)
	}))
	defer server.Close()

	api, err := client.New(client.Config{Endpoint: server.URL, Token: "a token"})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	recording, err := api.StartRecording(ctx, "room-1", client.StartOptions{})
	if err != nil {
		panic(err)
	}
	if err := api.StopRecording(ctx, "room-1", recording); err != nil {
		panic(err)
	}
	// Output:
	// POST /conversations/room-1/Recordings
	// DELETE /conversations/room-1/recordings/0198
}
