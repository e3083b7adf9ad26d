package storage

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
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

// checkedReader fails at the end of what differs from what is wanted. What reads
// it may ignore a failure, so it gives up the whole in that case.
type checkedReader struct {
	r      io.Reader
	want   sum
	size   int64
	hash   hash.Hash
	giveUp func()
	err    error // what reading failed with
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.size += int64(n)
	_, _ = c.hash.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if c.size == c.want.size && bytes.Equal(c.hash.Sum(nil), c.want.md5[:]) {
			return n, io.EOF
		}
		err = fault.Internal.Wrap(errors.New("it changes while it is stored"))
	}
	if err != nil {
		c.err = err
		c.giveUp()
	}
	return n, err
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
