package storage

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// What a process that is being started has inherited does not keep a lock that
// is given up.
func TestLockIsGivenUpAtOnce(t *testing.T) {
	s := NewSpool(t.TempDir())
	l, err := s.Lock("r")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock("r"); !errors.Is(err, ErrLocked) {
		t.Fatalf("locked twice: %v", err)
	}
	inherited, err := unix.FcntlInt(l.(spoolLock).Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(inherited) }()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := s.Lock("r")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
