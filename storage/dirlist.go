package storage

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
)

func (d dir) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		enough := false
		err := d.list(ctx, prefix, func(i Info) bool {
			enough = !yield(i, nil)
			return !enough
		})
		if err != nil && !enough {
			yield(Info{}, err)
		}
	}
}

func (d dir) list(ctx context.Context, prefix string, yield func(Info) bool) error {
	top := "."
	if prefix != "" {
		if err := checkKey(prefix); err != nil {
			return err
		}
		top = prefix
	}
	err := d.in(ctx, func(root *os.Root) error {
		if info, err := statIn(root, top); err == nil {
			yield(info)
			return nil
		}
		_, err := walk(ctx, root.FS(), top, yield)
		return err
	})
	if errors.Is(absent(err), ErrNotExist) {
		return nil
	}
	return failed(ctx, "list", prefix, err)
}

// walk yields what is below a directory in the order of keys, until yield says
// that it is enough. What disappears meanwhile is left out.
func walk(ctx context.Context, tree fs.FS, name string, yield func(Info) bool) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entries, err := fs.ReadDir(tree, name)
	if err != nil && !errors.Is(absent(err), ErrNotExist) {
		return false, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(inOrder(a), inOrder(b)) })
	for _, e := range entries {
		key := path.Join(name, e.Name())
		switch {
		case !validSegment(e.Name()):
		case e.IsDir():
			if more, err := walk(ctx, tree, key, yield); !more {
				return false, err
			}
		case e.Type().IsRegular():
			if st, err := e.Info(); err == nil && !yield(infoOf(key, st)) {
				return false, nil
			}
		}
	}
	return true, nil
}

// inOrder returns what an entry's keys have in common: those of a directory go on with a slash.
func inOrder(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}
