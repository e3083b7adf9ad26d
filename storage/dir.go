package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/callreel/callreel/internal/fault"
)

const (
	fileMode = 0o640
	dirMode  = 0o750
	// temporary starts the name of a file that is not complete. No key has a tilde.
	temporary = "~"
)

// Dir returns a store in a local or mounted directory, which is made when it is
// first needed; problems surface at first use. A key is a path in it. A file on
// the same file system is adopted by a hard link, whatever its size; others are
// copied, and the copy is compared. Content types are not kept: the names tell.
// After a crash files whose names start with a tilde may be left over and
// can be deleted.
func Dir(path string) Store { return dir{path: path} }

type dir struct{ path string }

func (d dir) Put(ctx context.Context, key string, src io.ReadSeeker, _ string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	info, err := d.put(reader{ctx, src, fault.Internal}, key)
	return info, failed(ctx, "put", key, err)
}

func (d dir) Open(ctx context.Context, key string) (*Object, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	var obj *Object
	err := d.in(ctx, func(root *os.Root) (err error) {
		obj, err = openIn(ctx, root, key)
		return err
	})
	return obj, failed(ctx, "open", key, absent(err))
}

// in does something in the directory, which must be there.
func (d dir) in(ctx context.Context, do func(*os.Root) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return do(root)
}

func openIn(ctx context.Context, root *os.Root, key string) (*Object, error) {
	info, err := statIn(root, key)
	if err != nil {
		return nil, err
	}
	f, err := root.Open(key)
	if err != nil {
		return nil, err
	}
	return &Object{ReadSeekCloser: file{reader{ctx, f, fault.Destination}, f}, Info: info}, nil
}

// file is a stored file; its reads end with the context.
type file struct {
	reader
	io.Closer
}

// absent tells apart that there is no such file.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return ErrNotExist
	}
	return err
}

func statIn(root *os.Root, key string) (Info, error) {
	st, err := root.Stat(key)
	if err != nil {
		return Info{}, absent(err)
	}
	if !st.Mode().IsRegular() {
		return Info{}, ErrNotExist
	}
	return infoOf(key, st), nil
}

func infoOf(key string, st fs.FileInfo) Info {
	return Info{
		Key:     key,
		Size:    st.Size(),
		ModTime: st.ModTime(),
		ETag:    fmt.Sprintf(`"%x-%x"`, st.Size(), st.ModTime().UnixNano()),
	}
}

func (d dir) Delete(ctx context.Context, prefix string) error {
	if err := checkKey(prefix); err != nil {
		return err
	}
	err := d.in(ctx, func(root *os.Root) error {
		if _, err := root.Lstat(prefix); err != nil {
			return err
		}
		if err := root.RemoveAll(prefix); err != nil {
			return err
		}
		return syncUp(root, path.Dir(prefix))
	})
	if errors.Is(absent(err), ErrNotExist) {
		return nil
	}
	return failed(ctx, "delete", prefix, err)
}
