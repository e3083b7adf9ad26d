// Package filelock keeps others away from what a process works on, by a lock of
// flock on an open file or directory. Whoever opened it otherwise has to ask for
// the lock too. It goes with the process, however that ends. On systems and file
// systems without flock it keeps nobody away.
package filelock

import (
	"errors"
	"os"
)

// ErrLocked says that somebody else has the lock.
var ErrLocked = errors.New("locked by somebody else")

// Lock is a file that is locked.
type Lock struct{ f *os.File }

// New locks a file, without waiting: it fails with ErrLocked if somebody has it.
// The file is the lock's from then on, and closed if that fails.
func New(f *os.File) (*Lock, error) {
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{f}, nil
}

// Close unlocks before it closes: a process that is just being started has what
// this one has open for a moment, and would keep the lock.
func (l *Lock) Close() error { return errors.Join(unlock(l.f), l.f.Close()) }
