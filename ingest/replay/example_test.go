package replay_test

import (
	"context"
	"errors"
	"os"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/storage"
)

// A capture is composed again in another size.
func Example() {
	f, err := os.Open("capture.pcapng")
	if err != nil {
		panic(err)
	}
	src, err := replay.Open(f)
	if err != nil {
		panic(err)
	}
	_, err = callreel.Compose(context.Background(),
		callreel.Config{Storage: storage.Dir("composed")}, callreel.RecordingConfig{Width: 640, Height: 360}, src)
	if err := errors.Join(err, f.Close()); err != nil {
		panic(err)
	}
}
