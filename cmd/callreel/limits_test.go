package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callreel/callreel"
)

// What participants may cost is for whoever runs the server to say, and holds in
// the processes of calls too.
func TestServeLimits(t *testing.T) {
	for _, workers := range []string{"--workers", "--no-workers"} {
		t.Run(workers, func(t *testing.T) {
			s := serve(t, t.TempDir(), workers, "--max-participants", "1", "--max-pixels", "20000")
			id := s.recordings("start", "room")
			status, _, stderr := call(t, "simulate", "--to", s.url, "--data", s.data, "--call", "room",
				"--participants", "2", "--stagger", "1s", "--codec", "vp8", "--size", "320x180", "--for", "4s")
			if status == 0 {
				t.Errorf("two are let in: %s", stderr)
			}
			s.recordings("stop", id)
			s.end()
			doc, err := os.ReadFile(filepath.Join(s.data, recordingsDir, id, "report.json"))
			if err != nil {
				t.Fatal(err)
			}
			var report callreel.Report
			if err := json.Unmarshal(doc, &report); err != nil {
				t.Fatal(err)
			}
			var oversize uint64
			for track := range report.Tracks() {
				oversize += track.Oversize
			}
			if len(report.Participants) != 1 || oversize == 0 {
				t.Errorf("%d pictures were too large; %+v", oversize, report.Participants)
			}
		})
	}
}

func TestBadLimit(t *testing.T) {
	status, _, stderr := call(t, "serve", "--max-packets", "1", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	if status != 2 || !strings.Contains(stderr, "limit of 1 packets/s") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
