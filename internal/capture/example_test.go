package capture_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/callreel/callreel/internal/capture"
)

// An event is appended to a capture, and read again.
func Example() {
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	data, err := capture.AppendEvent(capture.AppendHeader(nil), now, capture.Event{Type: capture.Stop, At: now, Reason: "Stopped"})
	if err != nil {
		panic(err)
	}
	rec, err := capture.NewReader(bytes.NewReader(data)).Next()
	fmt.Println(rec.Event, err)
	// Output: recording stops: Stopped <nil>
}
