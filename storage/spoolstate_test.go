package storage_test

import (
	"os"
	"testing"

	"github.com/callreel/callreel/storage"
)

func TestSpoolSize(t *testing.T) {
	s, _ := newSpool(t)
	if n, err := s.Size(); n != 0 || err != nil {
		t.Errorf("before there is a spool: %d, %v", n, err)
	}
	create(t, s, "rec-1", "0.mp4", "12345")
	create(t, s, "rec-2", "0.mp4", "678")
	if n, err := s.Size(); n != 8 || err != nil {
		t.Errorf("%d, %v, want 8", n, err)
	}
}

func TestSpoolProbe(t *testing.T) {
	s, dir := newSpool(t)
	if err := s.Probe(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if err := os.WriteFile(dir+"-file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := storage.NewSpool(dir + "-file").Probe(); err == nil {
		t.Error("a file is taken for a spool")
	}
}
