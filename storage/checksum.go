package storage

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"

	"github.com/callreel/callreel/internal/fault"
)

// reader reads until ctx ends, and marks errors with who must act.
type reader struct {
	ctx context.Context
	io.ReadSeeker
	whose fault.Kind
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.whose.Wrap(err)
	}
	return n, err
}

func (r reader) rewind() error {
	_, err := r.Seek(0, io.SeekStart)
	return r.whose.Wrap(err)
}

// sum identifies content. MD5 is what storage services can check; it is against
// accidents, not against attackers.
type sum struct {
	size int64
	md5  [md5.Size]byte
}

func sumOf(r io.Reader) (sum, error) {
	h := md5.New()
	n, err := io.Copy(h, r)
	s := sum{size: n}
	h.Sum(s.md5[:0])
	return s, err
}

// compare says whether stored has the content want.
func compare(stored reader, want sum) error {
	if err := stored.rewind(); err != nil {
		return err
	}
	got, err := sumOf(stored)
	if err == nil && got != want {
		err = fmt.Errorf("what was stored differs from what was to be: %d bytes instead of %d, or other ones", got.size, want.size)
	}
	return err
}
