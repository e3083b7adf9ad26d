package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

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

// The access key signs requests as Azure's own clients do, and no token is needed.
func ExampleClient_Recordings() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		fmt.Println(scheme, r.URL.RequestURI()) // a callreel server would check it
		if r.URL.Query().Get("cursor") == "" {
			_, _ = io.WriteString(w, `{"recordings":[{"recordingId":"0199"}],"nextCursor":"p2"}`)
			return
		}
		_, _ = io.WriteString(w, `{"recordings":[{"recordingId":"0198"}]}`)
	}))
	defer server.Close()

	api, err := client.New(client.Config{Endpoint: server.URL, AccessKey: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		panic(err)
	}
	for r, err := range api.Recordings(context.Background(), client.RecordingFilter{Conversation: "room-1", States: []string{"completed"}}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(r.ID)
	}
	// Output:
	// HMAC-SHA256 /recordings?conversation=room-1&state=completed
	// 0199
	// HMAC-SHA256 /recordings?conversation=room-1&cursor=p2&state=completed
	// 0198
}
