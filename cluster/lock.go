package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/callreel/callreel/internal/filelock"
)

// lockDir makes sure that no other process uses the directory.
func lockDir(dir string) (*filelock.Lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	l, err := filelock.New(f)
	if err != nil {
		return nil, fmt.Errorf("another process uses it: %w", err)
	}
	return l, nil
}
