package storage

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// makeDir makes a directory with those above it, durably. Where it is there
// already nothing is synced.
func makeDir(name string) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	above := filepath.Dir(filepath.Clean(name))
	if err := makeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(name, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(above)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// syncUp makes the entries of a directory, and it in those above it, durable.
func syncUp(root *os.Root, name string) error {
	for {
		d, err := root.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if name == "." {
			return nil
		}
		name = path.Dir(name)
	}
}
