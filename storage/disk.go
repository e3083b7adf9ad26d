package storage

import (
	"errors"
	"os"
)

// Disk does what changes the directory of a spool; what is written to the files
// that [Spool.Create] and [Spool.Open] return is their caller's. The system's is
// used unless another is put in between, such as one that loses what was not
// synced. Names are relative to root, the spool's directory.
type Disk interface {
	// Mkdir makes a directory. That it is there is no error.
	Mkdir(root *os.Root, name string) error
	// OpenFile opens a file as os.OpenFile does.
	OpenFile(root *os.Root, name string, flag int) (*os.File, error)
	// Write writes a file that was opened, from its beginning.
	Write(f *os.File, name string, content []byte) error
	// Sync makes durable what was written.
	Sync(f *os.File, name string) error
	// Rename replaces to, if it is there.
	Rename(root *os.Root, from, to string) error
	// Remove removes a file or an empty directory.
	Remove(root *os.Root, name string) error
	// SyncDir makes the entries of a directory durable.
	SyncDir(root *os.Root, name string) error
}

// system is the Disk of the operating system.
type system struct{}

func (system) Mkdir(root *os.Root, name string) error { return root.MkdirAll(name, dirMode) }

func (system) OpenFile(root *os.Root, name string, flag int) (*os.File, error) {
	return root.OpenFile(name, flag, fileMode)
}

func (system) Write(f *os.File, _ string, content []byte) error {
	_, err := f.Write(content)
	return err
}

func (system) Sync(f *os.File, _ string) error { return f.Sync() }

func (system) Rename(root *os.Root, from, to string) error { return root.Rename(from, to) }

func (system) Remove(root *os.Root, name string) error { return root.Remove(name) }

func (system) SyncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
