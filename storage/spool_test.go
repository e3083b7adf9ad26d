package storage_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage"
)

func newSpool(t *testing.T) (*storage.Spool, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	return storage.NewSpool(dir), dir
}

func create(t *testing.T, s *storage.Spool, recording, name, text string) {
	t.Helper()
	f, err := s.Create(recording, name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestSpoolFiles(t *testing.T) {
	s, dir := newSpool(t)
	if got, err := s.Recordings(); err != nil || len(got) != 0 {
		t.Errorf("at first: %q, %v", got, err)
	}
	create(t, s, "rec-2", "0.mp4", "media")
	create(t, s, "rec-1", "b", "")
	create(t, s, "rec-1", "a", "")
	if _, err := s.Create("rec-2", "0.mp4"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create again: %v", err)
	}
	f, err := s.Open("rec-2", "0.mp4")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("M"), 0)
	if err := errors.Join(err, f.Truncate(3), f.Sync(), f.Close()); err != nil {
		t.Error(err)
	}
	path, err := s.Path("rec-2", "0.mp4")
	if err != nil || path != filepath.Join(dir, "rec-2", "0.mp4") {
		t.Errorf("path %q, %v", path, err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "Med" {
		t.Errorf("has %q, %v", b, err)
	}
	recs, err := s.Recordings()
	files, err2 := s.Files("rec-1")
	if errors.Join(err, err2) != nil || !slices.Equal(recs, []string{"rec-1", "rec-2"}) || !slices.Equal(files, []string{"a", "b"}) {
		t.Errorf("recordings %q, files %q, %v, %v", recs, files, err, err2)
	}
	if _, err := s.Open("rec-2", "no"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open what is not there: %v", err)
	}
}

func TestSpoolKeepsWhatIsNotConfirmed(t *testing.T) {
	s, dir := newSpool(t)
	for _, name := range []string{"0.mp4", "1.mp4", "2.mp4", "journal"} {
		create(t, s, "rec", name, "media")
	}
	left, err := s.Remove("rec", map[string]storage.Info{"0.mp4": {Size: 5}, "2.mp4": {Size: 4}})
	if err != nil || !slices.Equal(left, []string{"1.mp4", "2.mp4", "journal"}) {
		t.Fatalf("left %q, %v", left, err)
	}
	left, err = s.Remove("rec", map[string]storage.Info{"1.mp4": {Size: 5}, "2.mp4": {Size: 5}})
	if err != nil || !slices.Equal(left, []string{"journal"}) {
		t.Fatalf("left %q, %v", left, err)
	}
	for range 2 {
		if err := s.Discard("rec", "journal"); err != nil {
			t.Error(err)
		}
		if left, err := s.Remove("rec", nil); err != nil || left != nil {
			t.Errorf("left %q, %v", left, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "rec")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is there: %v", err)
	}
}

func TestSpoolNames(t *testing.T) {
	s, dir := newSpool(t)
	outside := filepath.Join(filepath.Dir(dir), "x")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "/", "a\x00"} {
		for op, err := range map[string]error{
			"create":            second(s.Create(bad, "a")),
			"create file":       second(s.Create("a", bad)),
			"open":              second(s.Open(bad, "a")),
			"path":              second(s.Path("a", bad)),
			"files":             second(s.Files(bad)),
			"remove":            second(s.Remove(bad, nil)),
			"discard":           s.Discard("a", bad),
			"replace":           s.Replace("a", bad, nil),
			"lock":              second(s.Lock(bad)),
			"discard elsewhere": s.Discard(bad, "x"),
		} {
			if !errors.Is(err, storage.ErrKey) || fault.Of(err) != fault.Caller {
				t.Errorf("%s %q: %v", op, bad, err)
			}
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

func TestSpoolFree(t *testing.T) {
	s, _ := newSpool(t)
	free, err := s.Free()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil || free <= 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
}

func TestSpoolReplace(t *testing.T) {
	s, dir := newSpool(t)
	for _, text := range []string{"first, which is longer", "second"} {
		if err := s.Replace("rec", "manifest.json", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "rec", "manifest.json")); err != nil || string(b) != text {
			t.Errorf("has %q, %v", b, err)
		}
	}
	create(t, s, "other", "0.mp4", "media")
	if n, err := s.Size(); err != nil || n != 11 {
		t.Errorf("%d bytes, %v", n, err)
	}
	// A crash in between leaves what is not complete. It shows nowhere, and goes
	// with the directory.
	if err := os.WriteFile(filepath.Join(dir, "rec", "~manifest.json"), []byte("thi"), 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err := s.Files("rec"); err != nil || !slices.Equal(files, []string{"manifest.json"}) {
		t.Errorf("files %q, %v", files, err)
	}
	if err := s.Discard("rec", "manifest.json"); err != nil {
		t.Error(err)
	}
	if recs, err := s.Recordings(); err != nil || !slices.Equal(recs, []string{"other"}) {
		t.Errorf("recordings %q, %v", recs, err)
	}
}

func TestSpoolLock(t *testing.T) {
	s, _ := newSpool(t)
	lock, err := s.Lock("rec")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock("rec"); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	create(t, s, "rec", "0.mp4", "media") // whoever has it may use it
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	lock, err = s.Lock("rec")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Discard("rec", "0.mp4"), lock.Close()); err != nil {
		t.Error(err)
	}
}
