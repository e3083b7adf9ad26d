package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/callreel/callreel/internal/filelock"
)

// ErrLocked says that somebody else has a recording in the spool.
var ErrLocked = errors.New("storage: recording in spool is in use")

// Lock keeps a recording's files from others who look for what was left behind,
// such as another process with the same spool, until the lock is closed or this
// process ends. It fails with ErrLocked if somebody has it. The recording's
// directory is made if it is not there. On systems and file systems without
// flock it keeps nobody away.
func (s *Spool) Lock(recording string) (io.Closer, error) {
	f, err := s.lock(recording)
	if err != nil {
		return nil, spoolFailed("lock", recording, "", err)
	}
	return f, nil
}

func (s *Spool) lock(recording string) (io.Closer, error) {
	if err := checkSegments(recording); err != nil {
		return nil, err
	}
	name := filepath.Join(s.path, recording)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if err := s.makeDir(recording); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	l, err := filelock.New(f)
	switch {
	case errors.Is(err, filelock.ErrLocked):
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	case err != nil:
		return nil, err
	}
	if err := stillNamed(f, name); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// makeDir makes the directory of a recording, durably.
func (s *Spool) makeDir(recording string) error {
	if err := makeDir(s.path); err != nil {
		return err
	}
	return s.in(func(root *os.Root) error {
		if err := s.disk.Mkdir(root, recording); err != nil {
			return err
		}
		return s.syncUp(root, ".")
	})
}

// stillNamed makes sure that nobody has removed the directory meanwhile.
func stillNamed(f *os.File, name string) error {
	had, err := f.Stat()
	if err != nil {
		return err
	}
	if is, err := os.Stat(name); err != nil || !os.SameFile(had, is) {
		return fmt.Errorf("%w: it was just removed", ErrLocked)
	}
	return nil
}
