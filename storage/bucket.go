package storage

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"path"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/callreel/callreel/internal/fault"
)

// BucketOptions say what is special about a bucket's service.
type BucketOptions struct {
	// BeforeWrite changes the request of an upload, as blob.WriterOptions has it,
	// so that the service checks what it receives. Optional.
	BeforeWrite func(as func(any) bool, md5 []byte) error
}

// FromBucket returns a store in b, which stays the caller's to close. Where the
// service does not confirm the MD5 of what it has, Put reads it back. For a
// directory use [Dir]: fileblob neither lists in order nor syncs. To open a
// bucket by its URL see package storage/bucket.
func FromBucket(b *blob.Bucket, opts BucketOptions) Store { return bucket{b, opts} }

type bucket struct {
	b    *blob.Bucket
	opts BucketOptions
}

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
	if err := b.upload(src, key, contentType, want); err != nil {
		return Info{}, err
	}
	return b.confirm(src.ctx, key, want)
}

// upload lets the driver read by itself. The other way, by a blob.Writer, is one
// on which gocloud.dev's azureblob panics when an upload fails.
func (b bucket) upload(src reader, key, contentType string, want sum) error {
	if err := src.rewind(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(src.ctx)
	defer cancel()
	opts := &blob.WriterOptions{ContentType: contentType}
	if opts.ContentType == "" {
		opts.ContentType = cmp.Or(mime.TypeByExtension(path.Ext(key)), "application/octet-stream")
	}
	if before := b.opts.BeforeWrite; before != nil {
		opts.BeforeWrite = func(as func(any) bool) error { return before(as, want.md5[:]) }
	}
	checked := &checkedReader{r: src, want: want, hash: md5.New(), giveUp: cancel}
	err := b.b.Upload(ctx, key, checked, opts)
	if checked.err != nil {
		return checked.err
	}
	return err
}

// confirm checks what the service has under key. What looks like another MD5
// need not be one: S3 has such entity tags for objects that it encrypts.
func (b bucket) confirm(ctx context.Context, key string, want sum) (Info, error) {
	attrs, err := b.b.Attributes(ctx, key)
	if err != nil {
		return Info{}, err
	}
	if attrs.Size != want.size {
		return Info{}, fmt.Errorf("the storage has %d bytes of the %d that it was sent", attrs.Size, want.size)
	}
	info := infoFrom(key, attrs)
	if bytes.Equal(attrs.MD5, want.md5[:]) {
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
		Info:           infoFrom(key, attrs),
	}, nil
}

func infoFrom(key string, a *blob.Attributes) Info {
	return Info{Key: key, Size: a.Size, ModTime: a.ModTime.UTC(), ETag: a.ETag}
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
			if !yield(Info{Key: o.Key, Size: o.Size, ModTime: o.ModTime.UTC()}, nil) {
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
