package events_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/events"
)

func Example() {
	told := make(chan string)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions { // the handshake of CloudEvents
			w.Header().Set("WebHook-Allowed-Origin", "*")
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, subject, _ := strings.Cut(string(body), `"subject":"`)
		told <- strings.TrimSuffix(subject, `"}`)
	}))
	defer hook.Close()

	ctx := context.Background()
	dir, err := os.MkdirTemp("", "events")
	must(err)
	defer func() { _ = os.RemoveAll(dir) }()
	node, err := cluster.Open(cluster.Config{Dir: dir})
	must(err)
	defer func() { _ = node.Close() }()
	cfg := events.Config{
		Topic: "/callreel/example",
		Guard: events.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	for name, t := range map[string]*events.Table{"outbox": &cfg.Outbox, "dead": &cfg.Dead, "subscriptions": &cfg.Subscriptions} {
		*t, err = node.Table(ctx, name)
		must(err)
	}
	cfg.Log, err = node.Log(ctx, "events", 24*time.Hour)
	must(err)

	service, err := events.Open(ctx, cfg)
	must(err)
	defer service.Close()
	_, _, err = service.Put(ctx, events.Subscription{Name: "example", Endpoint: hook.URL, Schema: events.CloudEvents})
	must(err)
	e, err := events.New(events.RecordingDeleted, "/recording/1", time.Now(), "1", events.Deleted{RecordingID: "1", Reason: "Requested"})
	must(err)
	must(service.Publish(ctx, e))
	fmt.Println(<-told)
	// Output: /recording/1
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
