package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Size returns how many bytes the spool's files have.
func (s *Spool) Size() (int64, error) {
	var sum int64
	err := s.in(func(root *os.Root) error {
		return fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return ignoreGone(err)
			}
			info, err := e.Info()
			if err == nil {
				sum += info.Size()
			}
			return ignoreGone(err)
		})
	})
	if err = ignoreGone(err); err != nil {
		err = fmt.Errorf("storage: size of spool: %w", err)
	}
	return sum, err
}

// ignoreGone passes over files that go while they are looked at.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Probe reports whether the spool can be written to, by writing.
func (s *Spool) Probe() (err error) {
	if err = makeDir(s.path); err == nil {
		err = probe(s.path)
	}
	if err != nil {
		err = fmt.Errorf("storage: spool can't be written to: %w", err)
	}
	return err
}

func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("probe")
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}
