//go:build linux || darwin || freebsd

package storage

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free returns how many bytes can still be written. The spool's directory is
// made if it is not there.
func (s *Spool) Free() (int64, error) {
	if err := makeDir(s.path); err != nil {
		return 0, fmt.Errorf("storage: space left in spool: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.path, &st); err != nil {
		return 0, fmt.Errorf("storage: space left in spool: %w", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
