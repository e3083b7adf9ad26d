package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Spool is a local directory where recordings are written before they are
// stored, one sub-directory each. It deletes nothing by itself: a file goes
// when a [Store] gave a receipt for it, or when it is discarded by name.
//
// Recordings and files are named by a segment of a key; other names are refused
// with [ErrKey]. Methods are safe for concurrent use.
type Spool struct {
	path string
	disk Disk
}

// NewSpool returns a spool in the directory path, which is made when it is
// first needed; problems surface at first use.
func NewSpool(path string) *Spool { return &Spool{path, system{}} }

// On returns the same spool with another Disk.
func (s *Spool) On(disk Disk) *Spool { return &Spool{s.path, disk} }

// Create makes a file for reading and writing. It fails with fs.ErrExist if
// there is one of that name. The name is durable, what is written is so after
// Sync.
func (s *Spool) Create(recording, name string) (*os.File, error) {
	if err := makeDir(s.path); err != nil {
		return nil, err
	}
	var f *os.File
	err := s.in(func(root *os.Root) (err error) {
		if err := s.disk.Mkdir(root, recording); err != nil {
			return err
		}
		f, err = s.disk.OpenFile(root, path.Join(recording, name), os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		return s.syncUp(root, recording)
	}, recording, name)
	if err != nil && f != nil {
		err = errors.Join(err, f.Close())
		f = nil
	}
	return f, spoolFailed("create", recording, name, err)
}

// Replace writes a file as a whole, durably: after a crash there is what was
// there before, or what is there now.
func (s *Spool) Replace(recording, name string, content []byte) error {
	if err := makeDir(s.path); err != nil {
		return err
	}
	err := s.in(func(root *os.Root) error {
		if err := s.disk.Mkdir(root, recording); err != nil {
			return err
		}
		temp := path.Join(recording, temporary+name)
		if err := s.write(root, temp, content); err != nil {
			_ = s.disk.Remove(root, temp) // a full disk needs the room, and nobody the file
			return err
		}
		if err := s.disk.Rename(root, temp, path.Join(recording, name)); err != nil {
			return err
		}
		return s.syncUp(root, recording)
	}, recording, name)
	return spoolFailed("replace", recording, name, err)
}

func (s *Spool) write(root *os.Root, name string, content []byte) error {
	f, err := s.disk.OpenFile(root, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	return errors.Join(s.disk.Write(f, name, content), s.disk.Sync(f, name), f.Close())
}

// syncUp makes the entries of a directory, and it in those above it, durable.
func (s *Spool) syncUp(root *os.Root, name string) error {
	for {
		if err := s.disk.SyncDir(root, name); err != nil || name == "." {
			return err
		}
		name = path.Dir(name)
	}
}

// Open opens a file for reading and writing.
func (s *Spool) Open(recording, name string) (*os.File, error) {
	var f *os.File
	err := s.in(func(root *os.Root) (err error) {
		f, err = s.disk.OpenFile(root, path.Join(recording, name), os.O_RDWR)
		return err
	}, recording, name)
	return f, spoolFailed("open", recording, name, err)
}

// Path returns where a file is or would be, for other programs to open.
func (s *Spool) Path(recording, name string) (string, error) {
	if err := checkSegments(recording, name); err != nil {
		return "", err
	}
	return filepath.Join(s.path, recording, name), nil
}

// Recordings returns what has files here, in order: after a start, what the
// last run has left.
func (s *Spool) Recordings() ([]string, error) {
	return s.list(".", fs.DirEntry.IsDir)
}

// Files returns the names of a recording's files in order.
func (s *Spool) Files(recording string) ([]string, error) {
	if err := checkSegments(recording); err != nil {
		return nil, err
	}
	return s.list(recording, func(e fs.DirEntry) bool { return e.Type().IsRegular() })
}

func (s *Spool) list(name string, want func(fs.DirEntry) bool) ([]string, error) {
	var entries []fs.DirEntry
	err := s.in(func(root *os.Root) (err error) {
		entries, err = fs.ReadDir(root.FS(), name)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("storage: list spool: %w", err)
	}
	var names []string
	for _, e := range entries {
		if want(e) && validSegment(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Remove deletes those files of a recording for which stored has what
// [Store.Put] returned, by file name, and the recording's directory once it is
// empty. It returns the names of files that stay, because there is no receipt
// or because the file has another size by now.
func (s *Spool) Remove(recording string, stored map[string]Info) (left []string, err error) {
	names, err := s.Files(recording)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		err := s.removeStored(recording, name, stored)
		if errors.Is(err, errUnconfirmed) {
			left = append(left, name)
		} else if err != nil {
			return left, err
		}
	}
	if len(left) > 0 {
		return left, nil
	}
	return nil, s.removeDir(recording)
}

var errUnconfirmed = errors.New("there is no receipt")

func (s *Spool) removeStored(recording, name string, stored map[string]Info) error {
	receipt, ok := stored[name]
	if !ok {
		return errUnconfirmed
	}
	err := s.in(func(root *os.Root) error {
		st, err := root.Lstat(path.Join(recording, name))
		if err != nil {
			return err
		}
		if st.Size() != receipt.Size {
			return errUnconfirmed
		}
		return s.remove(root, recording, name)
	}, recording, name)
	return spoolFailed("remove", recording, name, err)
}

// Discard deletes a file that is not meant to be stored, such as a journal, and
// the recording's directory if nothing else is in it. That there is no such
// file is no error.
func (s *Spool) Discard(recording, name string) error {
	err := s.in(func(root *os.Root) error {
		return s.remove(root, recording, name)
	}, recording, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return spoolFailed("discard", recording, name, err)
	}
	names, err := s.Files(recording)
	if err != nil || len(names) > 0 {
		return err
	}
	return s.removeDir(recording)
}

// remove deletes a file, durably: what is deleted after it, such as what
// describes it, is not gone while it is there again.
func (s *Spool) remove(root *os.Root, recording, name string) error {
	if err := s.disk.Remove(root, path.Join(recording, name)); err != nil {
		return err
	}
	return s.disk.SyncDir(root, recording)
}

// removeDir removes an empty directory. A crash may have left in it what was to
// replace a file.
func (s *Spool) removeDir(recording string) error {
	err := s.in(func(root *os.Root) error {
		entries, err := fs.ReadDir(root.FS(), recording)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), temporary) {
				if err := s.disk.Remove(root, path.Join(recording, e.Name())); err != nil {
					return err
				}
			}
		}
		if err := s.disk.Remove(root, recording); err != nil {
			return err
		}
		return s.syncUp(root, ".")
	}, recording)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return spoolFailed("remove", recording, "", err)
}

// in does something in the spool's directory after checking the names for it.
func (s *Spool) in(do func(*os.Root) error, names ...string) (err error) {
	if err := checkSegments(names...); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return do(root)
}

func spoolFailed(op, recording, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage: %s %s in spool: %w", op, path.Join(recording, name), err)
}
