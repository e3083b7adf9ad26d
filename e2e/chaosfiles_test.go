package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/inspect"
	"github.com/callreel/callreel/internal/simulate"
)

// fetch downloads a file and decodes all of it, in which there must be nothing to
// complain of.
func (c *chaos) fetch(t *testing.T, chunk client.Chunk) *movie {
	t.Helper()
	m := &movie{t: t, file: filepath.Join(t.TempDir(), "chunk.mp4")}
	file, err := os.Create(m.file)
	must(t, err)
	defer func() { _ = file.Close() }()
	n, err := c.api.DownloadRecording(t.Context(), chunk.DocumentID, file)
	must(t, err)
	report, err := inspect.File(file, n)
	if err != nil || n != chunk.Bytes || len(report.Problems) > 0 || len(report.Tracks) != 2 {
		t.Fatalf("%d bytes of %d: %+v, %v", n, chunk.Bytes, report, err)
	}
	frames := m.file + ".frames"
	ffmpeg(t, m.readSound, "-i", m.file,
		"-map", "0:v", "-fps_mode", "passthrough", "-f", "framecrc", frames, "-map", "0:a", "-f", "s16le", "-")
	for _, track := range report.Tracks {
		switch {
		case track.Kind == "video":
			m.n = int(track.Samples)
		case len(track.Edits) == 1: // FFmpeg gives what it hides too
			m.pcm = m.pcm[min(track.Edits[0].MediaTime, int64(len(m.pcm))):]
		}
	}
	if decoded := countFrames(t, frames); decoded != m.n {
		t.Errorf("%s: %d of %d frames can be decoded", chunk.DocumentID, decoded, m.n)
	}
	if off := (m.length() - m.heard()).Abs(); off > frameTime {
		t.Errorf("%s: %v of video and %v of audio", chunk.DocumentID, m.length(), m.heard())
	}
	must(t, os.Remove(m.file))
	return m
}

// countFrames counts those that FFmpeg has made checksums of.
func countFrames(t *testing.T, file string) (n int) {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if !strings.HasPrefix(s.Text(), "#") {
			n++
		}
	}
	return n
}

const (
	// guestSettles is how long after somebody has come, or a pause is over, they
	// are certainly heard.
	guestSettles = 1500 * time.Millisecond
	// beepMargin is how far from the whole second there is certainly no beep.
	beepMargin = 75 * time.Millisecond
)

// listen counts the beeps that must be in a file which begins at a position of its
// recording, one of each guest at each whole second, and those that are there.
func (c *chaos) listen(t *testing.T, r course, m *movie, begin time.Duration) (beeps, heard int) {
	var missing []string
	for _, g := range c.guests {
		if g.call != r.Conversation {
			continue
		}
		for _, s := range g.stays {
			for at := s.from.Add(guestSettles).Truncate(time.Second).Add(time.Second); at.Before(s.to.Add(-time.Second / 4)); at = at.Add(time.Second) {
				from, to := at.Add(-guestSettles), at.Add(time.Second/4)
				offset := r.position(at) - begin
				if from.Before(r.StartTime) || r.position(to)-r.position(from) != to.Sub(from) || offset < beepMargin || offset > m.heard()-time.Second/4 {
					continue // something is left out around it, or it is in another file
				}
				beeps++
				if level := m.beepAt(offset, simulate.ToneOf(g.index)); level != "" {
					missing = append(missing, fmt.Sprintf("%d at %v (%s)", g.index, at.Format(time.TimeOnly), level))
					continue
				}
				heard++
			}
		}
	}
	if len(missing) > 0 {
		t.Logf("not heard: %s", strings.Join(missing, ", "))
	}
	return beeps, heard
}

// beepAt says what is wrong with a beep that should begin at a position.
func (m *movie) beepAt(at time.Duration, hertz int) string {
	const window = 50 * time.Millisecond
	level := func(from time.Duration) float64 {
		i := int(from * sampleRate / time.Second)
		return m.pcm[i : i+int(window*sampleRate/time.Second)].level(hertz)
	}
	before, during, after := level(at-beepMargin), level(at+window/2), level(at+simulate.FlashTime+window/2)
	if during < beepLevel/4 || before > during/2 || after > during/2 {
		return fmt.Sprintf("%.3f, %.3f, %.3f", before, during, after)
	}
	return ""
}
