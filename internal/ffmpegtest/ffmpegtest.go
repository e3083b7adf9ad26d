// Package ffmpegtest lets tests see and hear media as FFmpeg does.
package ffmpegtest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Run runs ffmpeg, which must find nothing wrong, and returns what it prints, until the
// test ends. That goes by a file which is mapped: through buffers that grow the race
// detector would follow each byte of hundreds of MB.
func Run(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "warning", "-xerror"}, args...)...)
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, errs.String())
	}
	data, err := mapped(t, out)
	if err := errors.Join(err, out.Close(), os.Remove(out.Name())); err != nil {
		t.Fatal(err)
	}
	return data
}

// Probe runs ffprobe, which must find nothing wrong, and returns what it prints: a line
// for each entry asked for, with commas.
func Probe(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("ffprobe", append([]string{"-v", "warning", "-of", "csv=p=0"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("ffprobe %v: %v\n%s", args, err, errs.String())
	}
	return strings.TrimSpace(out.String())
}

// mapped maps all of a file until the test ends.
func mapped(t testing.TB, f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil, err
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err == nil {
		t.Cleanup(func() { _ = unix.Munmap(data) })
	}
	return data, err
}
