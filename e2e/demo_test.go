package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/callreel/callreel/internal/simulate"
)

// The demo leaves a recording, its metadata, a contact sheet, and a capture from
// which the recording can be made again.
func TestDemo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the demo takes half a minute: skipped with -short")
	}
	output := filepath.Join(t.TempDir(), "demo")
	out, err := exec.CommandContext(t.Context(), program, "demo", "--capture", "--output", output).CombinedOutput()
	if err != nil {
		t.Fatalf("callreel demo: %v\n%s", err, out)
	}
	m := open(t, output+".mp4")
	checkMetadata(t, output+".json", m)
	checkSheet(t, output+".png")
	checkCapture(t, output, m)
	people := make(map[int]bool)
	for _, img := range m.frames() {
		for _, tiles := range []int{3, 4} {
			for index := range read(img, tiles) {
				people[index] = true
			}
		}
	}
	if len(people) != 5 {
		t.Errorf("the demo shows %v", people)
	}
	if beeps := m.pcm.beeps(simulate.ToneOf(0)); len(beeps) < int(m.length().Seconds())-1 {
		t.Errorf("the first participant beeps at %v", beeps)
	}
}

func checkMetadata(t *testing.T, file string, m *movie) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var metadata struct {
		ChunkDuration        int64
		PauseResumeIntervals []struct{ Duration int64 }
		Participants         []struct{ ParticipantID string }
	}
	must(t, json.Unmarshal(text, &metadata))
	pauses := metadata.PauseResumeIntervals
	if len(pauses) != 1 || pauses[0].Duration < 3900 || len(metadata.Participants) != 5 || metadata.ChunkDuration != m.length().Milliseconds() {
		t.Errorf("%s", text)
	}
}

// checkCapture composes the capture twice, which must give the same bytes, and
// what the demo has recorded.
func checkCapture(t *testing.T, output string, live *movie) {
	t.Helper()
	var files [2][]byte
	for i := range files {
		name := fmt.Sprintf("%s-%d", output, i)
		callreel(t, "compose", output+".pcapng", "-o", name+".mp4", "--metadata", name+".json")
		data, err := os.ReadFile(name + ".mp4")
		must(t, err)
		files[i] = data
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two compositions of one capture differ")
	}
	again := open(t, output+"-0.mp4")
	checkMetadata(t, output+"-0.json", again)
	if again.n != live.n {
		t.Errorf("%d frames are composed of the capture, %d were recorded", again.n, live.n)
	}
}

func checkSheet(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer func() { _ = f.Close() }()
	img, err := png.Decode(f)
	must(t, err)
	if size := img.Bounds().Size(); size.X < 640 || size.Y < 360 {
		t.Errorf("a contact sheet of %v", size)
	}
}
