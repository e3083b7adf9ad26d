package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/simulate"
)

// A client learns all that it needs from events, in both schemas and at its
// callback, and fetches the files where they say.
func TestSDKEvents(t *testing.T) {
	withEachSDK(t, func(t *testing.T, a sdk) {
		s := a.serve()
		var got struct{ DurationMs int64 }
		a.run("events.mjs", &got, s.settings("room", s.url)...)
		m := open(t, filepath.Join(a.dir, "video.mp4"))
		if m.length().Milliseconds() != got.DurationMs {
			t.Errorf("%v long, the event says %d ms", m.length(), got.DurationMs)
		}
		checkBoth(t, m)
		checkSDKMetadata(t, filepath.Join(a.dir, "metadata.json"), m)
	})
}

// The program in the README does what the README says.
func TestReadmeProgram(t *testing.T) {
	withEachSDK(t, func(t *testing.T, a sdk) {
		s := a.serve()
		readme, err := os.ReadFile("../README.md")
		must(t, err)
		_, rest, _ := strings.Cut(string(readme), "```js\n")
		text, _, found := strings.Cut(rest, "```\n")
		if !found {
			t.Fatal("there is no program in the README")
		}
		must(t, os.WriteFile(filepath.Join(a.dir, "record.mjs"), []byte(text), 0o600))

		guests := exec.CommandContext(t.Context(), program, "simulate", "--to", s.url, "--data", s.data, "--call", "room-1",
			"--participants", "2", "--codec", "vp8", "--fps", "15", "--for", "0s")
		guests.Env = append(os.Environ(), "SSL_CERT_FILE="+filepath.Join(s.dir, "ca.pem"))
		must(t, guests.Start())
		s.await("room-1", 4)
		cmd := a.command("record.mjs", append(s.settings("room-1", s.url), "ENDPOINT="+s.url+"/", "ACCESS_KEY="+s.accessKey())...)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v\n%s", err, out)
		}
		must(t, guests.Process.Signal(os.Interrupt)) // the program takes its time to begin
		must(t, guests.Wait())
		files, err := filepath.Glob(filepath.Join(a.dir, "*.mp4"))
		must(t, err)
		if len(files) != 1 {
			t.Fatalf("files %q", files)
		}
		m := open(t, files[0])
		if m.length() < 9*time.Second || m.length() > 11*time.Second {
			t.Errorf("%v long", m.length())
		}
		checkBoth(t, m)
		if _, err := os.Stat(strings.TrimSuffix(files[0], ".mp4") + ".json"); err != nil {
			t.Error(err)
		}
	})
}

// checkBoth checks that the two participants of a call are seen and heard to the end.
func checkBoth(t *testing.T, m *movie) {
	t.Helper()
	for i := range 2 {
		seen := 0
		for _, img := range m.frames() {
			if _, ok := read(img, 2)[i]; ok {
				seen++
			}
		}
		if beeps := m.pcm.beeps(simulate.ToneOf(i)); seen < m.n-2*frameRate || len(beeps) < int(m.length().Seconds())-2 {
			t.Errorf("participant %d is seen in %d of %d frames and beeps at %v", i, seen, m.n, beeps)
		}
	}
}
