package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callreel/callreel/internal/servertest"
)

// Recordings are kept in a bucket, and served from there.
func TestServeStorage(t *testing.T) {
	data := t.TempDir()
	store := servertest.S3(t)
	s := serve(t, data, "--storage", addPath(store.Bucket(), "/calls"))
	id := s.recordings("start", "room")
	s.recordings("stop", id)
	files := strings.Fields(s.recordings("download", id, "--dir", t.TempDir()))
	if len(files) != 2 {
		t.Fatalf("%q", files)
	}
	if status, _, stderr := call(t, "inspect", files[0]); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
	if got := s.recordings("list"); !strings.Contains(got, id) {
		t.Errorf("%s", got)
	}
	if _, err := os.Stat(filepath.Join(data, recordingsDir)); err == nil {
		t.Error("there is something in the data directory too")
	}
	if status := s.end(); status != 0 {
		t.Errorf("status %d\n%s", status, s.log)
	}
}

func addPath(location, path string) string {
	bare, query, _ := strings.Cut(location, "?")
	return bare + path + "?" + query
}

func TestServeRefusesStorage(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for location, want := range map[string]int{
		"ftp://host/recordings":           2,
		"s3://bucket?nonsense=1":          2,
		"s3://bucket?region=x&endpoint=1": 4,
		"s3://bucket?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1": 4,
	} {
		status, _, stderr := call(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--storage", location)
		if status != want || !strings.Contains(stderr, "storage") {
			t.Errorf("%s: status %d: %s", location, status, stderr)
		}
	}
}
