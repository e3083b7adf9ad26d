package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/callreel/callreel/internal/fault"
)

// FromBucket returns a store in b, which stays the caller's to close. Where the
// service does not tell the MD5 of what it has, Put reads it back. For a
// directory use [Dir]: fileblob neither lists in order nor syncs.
func FromBucket(b *blob.Bucket) Store { return bucket{b} }

type bucket struct{ b *blob.Bucket }

func (b bucket) Put(ctx context.Context, key string, src io.ReadSeeker, contentType string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	info, err := b.put(reader{ctx, src, fault.Internal}, key, contentType)
	return info, failed(ctx, "put", key, err)
}

func (b bucket) put(src reader, key, contentType string) (Info, error) {
	if err := src.rewind(); err != nil {
		return Info{}, err
	}
	want, err := sumOf(src)
	if err != nil {
		return Info{}, err
	}
	if err := b.upload(src, key, &blob.WriterOptions{ContentType: contentType, ContentMD5: want.md5[:]}); err != nil {
		return Info{}, err
	}
	return b.confirm(src.ctx, key, want)
}

func (b bucket) upload(src reader, key string, opts *blob.WriterOptions) error {
	if err := src.rewind(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(src.ctx)
	defer cancel()
	w, err := b.b.NewWriter(ctx, key, opts)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, src); err != nil {
		cancel() // makes Close give up what was written
		_ = w.Close()
		return err
	}
	return w.Close()
}

// confirm checks what the service has under key.
func (b bucket) confirm(ctx context.Context, key string, want sum) (Info, error) {
	attrs, err := b.b.Attributes(ctx, key)
	if err != nil {
		return Info{}, err
	}
	if attrs.Size != want.size || attrs.MD5 != nil && !bytes.Equal(attrs.MD5, want.md5[:]) {
		return Info{}, fmt.Errorf("the storage has other content than it was sent: %d bytes instead of %d, or other ones", attrs.Size, want.size)
	}
	info := Info{Key: key, Size: attrs.Size, ModTime: attrs.ModTime, ETag: attrs.ETag}
	if attrs.MD5 != nil {
		return info, nil
	}
	r := &rangeReader{ctx: ctx, b: b.b, key: key, size: attrs.Size}
	return info, errors.Join(compare(reader{ctx, r, fault.Destination}, want), r.Close())
}

func (b bucket) Open(ctx context.Context, key string) (*Object, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, failed(ctx, "open", key, err)
	}
	attrs, err := b.b.Attributes(ctx, key)
	if err != nil {
		return nil, failed(ctx, "open", key, typed(err))
	}
	return &Object{
		ReadSeekCloser: &rangeReader{ctx: ctx, b: b.b, key: key, size: attrs.Size},
		Info:           Info{Key: key, Size: attrs.Size, ModTime: attrs.ModTime, ETag: attrs.ETag},
	}, nil
}

func typed(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return ErrNotExist
	}
	return err
}

func (b bucket) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if prefix != "" {
			if err := checkKey(prefix); err != nil {
				yield(Info{}, err)
				return
			}
		}
		for objects := b.b.List(&blob.ListOptions{Prefix: prefix}); ; {
			o, err := next(ctx, objects)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Info{}, failed(ctx, "list", prefix, err))
				return
			}
			if !below(prefix, o.Key) || checkKey(o.Key) != nil {
				continue
			}
			if !yield(Info{Key: o.Key, Size: o.Size, ModTime: o.ModTime}, nil) {
				return
			}
		}
	}
}

// next looks at ctx even where the service is not asked.
func next(ctx context.Context, objects *blob.ListIterator) (*blob.ListObject, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return objects.Next(ctx)
}

func (b bucket) Delete(ctx context.Context, prefix string) error {
	if err := checkKey(prefix); err != nil {
		return err
	}
	for info, err := range b.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if err := typed(b.b.Delete(ctx, info.Key)); err != nil && !errors.Is(err, ErrNotExist) {
			return failed(ctx, "delete", info.Key, err)
		}
	}
	return nil
}
