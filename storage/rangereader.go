package storage

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"

	"github.com/callreel/callreel/internal/fault"
)

// rangeReader reads an object from wherever it was sought to, without asking
// for anything before it is read.
type rangeReader struct {
	ctx  context.Context
	b    *blob.Bucket
	key  string
	size int64
	pos  int64
	r    *blob.Reader // at pos, or nil
}

func (r *rangeReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, failed(r.ctx, "read", r.key, err)
	}
	if r.pos >= r.size {
		return 0, io.EOF
	}
	if r.r == nil {
		reader, err := r.b.NewRangeReader(r.ctx, r.key, r.pos, -1, nil)
		if err != nil {
			return 0, failed(r.ctx, "read", r.key, typed(err))
		}
		r.r = reader
	}
	n, err := r.r.Read(p)
	r.pos += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, failed(r.ctx, "read", r.key, err)
	}
	return n, err
}

func (r *rangeReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return r.pos, fault.Caller.Wrap(fmt.Errorf("storage: seek %s before its start", r.key))
	}
	if offset == r.pos {
		return offset, nil
	}
	r.pos = offset
	return offset, r.Close()
}

func (r *rangeReader) Close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.r = nil
	return failed(r.ctx, "close", r.key, err)
}
