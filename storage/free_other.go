//go:build !linux && !darwin && !freebsd

package storage

import (
	"errors"
	"fmt"
)

// Free returns how many bytes can still be written. It fails with
// errors.ErrUnsupported where the system has no statfs.
func (s *Spool) Free() (int64, error) {
	return 0, fmt.Errorf("storage: space left in spool: %w", errors.ErrUnsupported)
}
