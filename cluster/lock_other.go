//go:build !unix

package cluster

import (
	"os"
	"path/filepath"
)

// lockDir is not able to keep other processes out.
func lockDir(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
}
