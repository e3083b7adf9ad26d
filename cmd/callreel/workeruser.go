package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// own gives the workers' user what workers write to: the spool with what is in it,
// a store that is a directory, and there the recordings that may go on. The data
// directory is only for passing through: whoever is in the user's group may, and
// sees nothing of what is in it.
func (c *workerConfig) own(spool, stored string) error {
	if c.user == nil {
		return nil
	}
	if err := os.MkdirAll(spool, 0o750); err != nil {
		return err
	}
	data := filepath.Dir(spool)
	if st, err := os.Stat(data); err != nil || !c.enters(st) {
		err = errors.Join(err, os.Chown(data, -1, int(c.user.Gid)), os.Chmod(data, 0o710))
		if err != nil {
			return err
		}
	}
	errs := []error{c.give(spool), c.reaches(spool)}
	if !strings.Contains(stored, "://") {
		errs = append(errs, os.MkdirAll(stored, 0o750), os.Lchown(stored, int(c.user.Uid), int(c.user.Gid)), c.reaches(stored))
		left, err := os.ReadDir(spool)
		errs = append(errs, err)
		for _, recording := range left {
			errs = append(errs, c.give(filepath.Join(stored, recording.Name())))
		}
	}
	return errors.Join(errs...)
}

// give gives the user a directory with all that is in it, if it is there. Links
// are not followed.
func (c *workerConfig) give(dir string) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(name, int(c.user.Uid), int(c.user.Gid))
		}
		if name == dir && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// reaches checks that the user can go to a directory.
func (c *workerConfig) reaches(dir string) error {
	for above := dir; ; above = filepath.Dir(above) {
		st, err := os.Stat(above)
		if err != nil {
			return err
		}
		if !c.enters(st) {
			return fmt.Errorf("%s is in %s, which the user can't enter", dir, above)
		}
		if above == filepath.Dir(above) {
			return nil
		}
	}
}

// enters reports whether the user may pass through a directory.
func (c *workerConfig) enters(dir fs.FileInfo) bool {
	bit := fs.FileMode(0o001)
	switch st, ok := dir.Sys().(*syscall.Stat_t); {
	case !ok:
		return true // it turns out
	case st.Uid == c.user.Uid:
		bit = 0o100
	case st.Gid == c.user.Gid:
		bit = 0o010
	}
	return dir.Mode()&bit != 0
}
