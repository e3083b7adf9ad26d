package muxer_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/callreel/callreel/muxer"
)

// A recording of a second of sound, cut in the middle of an AAC frame.
func Example() {
	dir, err := os.MkdirTemp("", "callreel")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	chunks, err := record(dir)
	for _, c := range chunks {
		fmt.Printf("chunk %d: %d to %d\n", c.Index, c.Start, c.End)
	}
	fmt.Println(err)
	// Output:
	// chunk 0: 0 to 24000
	// chunk 1: 24000 to 48000
	// <nil>
}

func record(dir string) ([]muxer.Chunk, error) {
	cfg := muxer.Config{Audio: &muxer.AudioTrack{Config: []byte{0x14, 0x08}, SampleRate: 16000}}
	m, err := muxer.New(cfg, func(index int) (muxer.File, error) {
		return os.Create(filepath.Join(dir, fmt.Sprintf("%d.mp4", index)))
	})
	if err != nil {
		return nil, err
	}
	if err := m.CutAt(muxer.TickRate / 2); err != nil {
		return nil, err
	}
	silence := []byte{0x01, 0x40, 0x20, 0x07}
	for pts := int64(-1024); pts < 16000; pts += 1024 {
		if err := m.WriteAudio(muxer.Sample{Data: silence, PTS: pts, Duration: 1024}); err != nil {
			return nil, err
		}
	}
	return m.Close(muxer.TickRate)
}
