package storage

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/callreel/callreel/internal/fault"
)

func (d dir) put(src reader, key string) (info Info, err error) {
	if err := makeDir(d.path); err != nil {
		return Info{}, err
	}
	err = d.in(src.ctx, func(root *os.Root) error {
		info, err = d.putIn(root, src, key)
		return err
	})
	return info, err
}

func (d dir) putIn(root *os.Root, src reader, key string) (Info, error) {
	temp := temporary + rand.Text()
	// Renaming takes it away, but not where both names are links to one file.
	defer func() { _ = root.Remove(temp) }()
	adopted, err := d.adopt(root, temp, src.ReadSeeker)
	if err != nil {
		return Info{}, err
	}
	if !adopted {
		if err := copyTo(root, temp, src); err != nil {
			return Info{}, err
		}
	}
	if err := publish(root, temp, key); err != nil {
		return Info{}, err
	}
	return statIn(root, key)
}

// adopt links a file on the same file system under the name temp.
func (d dir) adopt(root *os.Root, temp string, src io.ReadSeeker) (bool, error) {
	f, ok := src.(*os.File)
	if !ok {
		return false, nil
	}
	want, err := f.Stat()
	if err != nil {
		return false, fault.Internal.Wrap(err)
	}
	if !want.Mode().IsRegular() {
		return false, nil
	}
	if err := f.Sync(); err != nil {
		return false, fault.Internal.Wrap(err)
	}
	if os.Link(f.Name(), filepath.Join(d.path, temp)) != nil {
		return false, nil // another file system, or one without links
	}
	got, err := root.Lstat(temp)
	if err == nil && os.SameFile(got, want) {
		return true, nil
	}
	return false, root.Remove(temp) // the name means another file by now
}

// copyTo copies src into a new file and reads it back.
func copyTo(root *os.Root, name string, src reader) error {
	if err := src.rewind(); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	want, err := sumOf(io.TeeReader(src, f))
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = compare(reader{src.ctx, f, fault.Destination}, want)
	}
	return errors.Join(err, f.Close())
}

// publish gives a complete file its key, durably.
func publish(root *os.Root, temp, key string) error {
	if err := root.MkdirAll(path.Dir(key), dirMode); err != nil {
		return err
	}
	if err := root.Rename(temp, key); err != nil {
		return err
	}
	return syncUp(root, path.Dir(key))
}
