// Package storage keeps what a recording leaves behind: finished files go from
// a local [Spool] to a [Store], which is a directory or any bucket that
// gocloud.dev/blob can open.
//
// It does not know what is in the files, decides nothing about retention, and
// does not retry: its errors say who must act.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/callreel/callreel/internal/fault"
)

// Errors that a caller must tell apart. Both are returned wrapped.
var (
	// ErrNotExist is also an fs.ErrNotExist.
	ErrNotExist = fmt.Errorf("storage: no such object: %w", fs.ErrNotExist)
	// ErrKey refuses a key, a prefix or a name in the spool; see [Store].
	ErrKey = errors.New("storage: not a valid key")
)

// Store keeps finished objects under keys. A key is segments separated by
// slashes, 1024 bytes in total; a segment has 1 to 200 bytes of letters,
// digits, dot, underscore and hyphen, and is neither "." nor "..". Everything
// else is refused with [ErrKey], so what a client names can not escape. No key
// may be a directory of another. A prefix is a key that means itself and all
// that is below it as a directory: "a/b" matches "a/b/c" but not "a/bc".
//
// Methods are safe for concurrent use. They fail with the error of ctx once it
// ends. Errors of the storage itself are marked as fault.Destination.
type Store interface {
	// Put stores src, read from its beginning to its end, and returns when the
	// object is durable and its checksum is confirmed. Before that nobody sees
	// it, and a Put that fails leaves what was there before. An object that
	// exists is replaced as a whole, so that Put can be repeated. An *os.File
	// may be adopted without copying: it must not be written any more.
	// An empty contentType means that the storage guesses one.
	Put(ctx context.Context, key string, src io.ReadSeeker, contentType string) (Info, error)
	// Open returns an object for reading, or ErrNotExist. Reading fails once
	// ctx ends. Only what is read is transferred.
	Open(ctx context.Context, key string) (*Object, error)
	// List yields the objects below prefix, all if it is empty, in byte order of
	// their keys. An error ends it. What has no valid key is left out, and ETag
	// may be missing.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete removes all objects below prefix, which must not be empty. That
	// there are none is no error.
	Delete(ctx context.Context, prefix string) error
}

// Info describes a stored object. The one that Put returns is a receipt.
type Info struct {
	Key     string
	Size    int64 // bytes
	ModTime time.Time
	// ETag is a strong entity tag with its quotes (RFC 9110 section 8.8.3).
	ETag string
}

// Object is open for reading; with http.ServeContent it answers range requests.
type Object struct {
	io.ReadSeekCloser
	Info
}

// failed says what could not be done to what. The end of ctx is nobody's fault.
func failed(ctx context.Context, op, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("storage: %s %s: %w", op, key, ctx.Err())
	case errors.Is(err, ErrNotExist):
		err = fault.Caller.Wrap(err)
	}
	return fmt.Errorf("storage: %s %s: %w", op, key, fault.Destination.Wrap(err))
}
