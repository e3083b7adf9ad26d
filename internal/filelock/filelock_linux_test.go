package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A directory and a file are locked once, and by somebody else when the lock is
// given up, though a process that is being started has inherited it.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, file} {
		l := take(t, name)
		if _, err := New(open(t, name)); !errors.Is(err, ErrLocked) {
			t.Errorf("%s is locked twice: %v", name, err)
		}
		inherited, err := unix.FcntlInt(l.f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Close(inherited) }()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := take(t, name).Close(); err != nil {
			t.Error(err)
		}
	}
}

func take(t *testing.T, name string) *Lock {
	t.Helper()
	l, err := New(open(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
