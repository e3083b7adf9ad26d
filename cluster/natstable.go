package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// markerTTL is how long other nodes can still learn that a record was deleted.
const markerTTL = time.Hour

// bucket is a key-value bucket of NATS.
type bucket struct{ kv jetstream.KeyValue }

var _ records = bucket{}

func (n *Node) bucket(ctx context.Context, name string) (bucket, error) {
	kv, err := n.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: name, History: 1, Storage: jetstream.FileStorage, LimitMarkerTTL: markerTTL, MaxValueSize: maxValue,
	})
	return bucket{kv}, err
}

func (b bucket) get(ctx context.Context, key string) (Record, error) {
	e, err := b.kv.Get(ctx, encodeKey(key))
	if err != nil {
		return Record{}, typed(err)
	}
	return Record{key, e.Value(), e.Revision()}, nil
}

func (b bucket) put(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.kv.Put(ctx, encodeKey(key), value)
	return revision, typed(err)
}

func (b bucket) create(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.kv.Create(ctx, encodeKey(key), value)
	return revision, typed(err)
}

func (b bucket) update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	next, err := b.kv.Update(ctx, encodeKey(key), value, revision)
	return next, typed(err)
}

func (b bucket) remove(ctx context.Context, key string) error {
	return typed(b.kv.Purge(ctx, encodeKey(key), jetstream.PurgeTTL(markerTTL)))
}

func (b bucket) all(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		w, err := b.kv.WatchAll(ctx, jetstream.IgnoreDeletes())
		if err != nil {
			yield(Record{}, typed(err))
			return
		}
		defer func() { _ = w.Stop() }() // of a watch nothing can be lost
		for {
			select {
			case e, ok := <-w.Updates():
				if !ok {
					yield(Record{}, errors.New("the watch ended"))
					return
				}
				if e == nil || !yield(Record{decodeKey(e.Key()), e.Value(), e.Revision()}, nil) {
					return // all there were, or enough
				}
			case <-ctx.Done():
				yield(Record{}, ctx.Err())
				return
			}
		}
	}
}

// typed makes errors of NATS those of the package.
func typed(err error) error {
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted), errors.Is(err, jetstream.ErrMsgNotFound):
		return ErrNotExist
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		return ErrConflict
	case errors.Is(err, jetstream.ErrKeyExists):
		return ErrExist
	}
	return err
}

// encodeKey makes of any key one that NATS takes.
func encodeKey(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func decodeKey(encoded string) string {
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return encoded // nobody but encodeKey makes keys
	}
	return string(b)
}
