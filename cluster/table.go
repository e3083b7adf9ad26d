package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Errors that a caller must tell apart. They are returned wrapped.
var (
	ErrNotExist = errors.New("cluster: no such record")
	ErrExist    = errors.New("cluster: the record exists")
	// ErrConflict means that somebody else changed the record since it was read.
	ErrConflict = errors.New("cluster: the record was changed meanwhile")
)

// markerTTL is how long other nodes can still learn that a record was deleted.
const markerTTL = time.Hour

// Table holds records under keys. A key is anything; see [Key] for one of
// several parts. A record is up to 4 MiB. Every change is durable when a method
// returns. The methods are safe for concurrent use.
type Table struct {
	name string
	kv   jetstream.KeyValue
}

// Record is one of a table.
type Record struct {
	Key      string
	Value    []byte
	Revision uint64 // grows with each change of the table
}

// Table opens a table, which is made if it is not there. Names are letters,
// digits, hyphens and underscores.
func (n *Node) Table(ctx context.Context, name string) (*Table, error) {
	kv, err := n.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: name, History: 1, Storage: jetstream.FileStorage, LimitMarkerTTL: markerTTL, MaxValueSize: maxValue,
	})
	if err != nil {
		return nil, fmt.Errorf("cluster: open table %s: %w", name, err)
	}
	return &Table{name: name, kv: kv}, nil
}

// Get returns a record, or ErrNotExist.
func (t *Table) Get(ctx context.Context, key string) (Record, error) {
	e, err := t.kv.Get(ctx, encodeKey(key))
	if err != nil {
		return Record{}, t.failed("get", key, err)
	}
	return Record{key, e.Value(), e.Revision()}, nil
}

// Create adds a record and returns its revision. Of several that try at the
// same time, on any node, one succeeds; the others get ErrExist.
func (t *Table) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	rev, err := t.kv.Create(ctx, encodeKey(key), value)
	return rev, t.failed("create", key, err)
}

// Put adds or replaces a record and returns its revision.
func (t *Table) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	rev, err := t.kv.Put(ctx, encodeKey(key), value)
	return rev, t.failed("put", key, err)
}

// Update replaces a record that is of that revision still, or fails with
// ErrConflict. It returns the new revision.
func (t *Table) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	rev, err := t.kv.Update(ctx, encodeKey(key), value, revision)
	return rev, t.failed("update", key, err)
}

// Delete removes a record. That there is none is no error.
func (t *Table) Delete(ctx context.Context, key string) error {
	return t.failed("delete", key, t.kv.Purge(ctx, encodeKey(key), jetstream.PurgeTTL(markerTTL)))
}

// All yields the records, in no particular order. An error ends it.
func (t *Table) All(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		w, err := t.kv.WatchAll(ctx, jetstream.IgnoreDeletes())
		if err != nil {
			yield(Record{}, t.failed("list", "", err))
			return
		}
		defer func() { _ = w.Stop() }() // of a watch nothing can be lost
		for {
			select {
			case e, ok := <-w.Updates():
				if !ok {
					yield(Record{}, t.failed("list", "", errors.New("the watch ended")))
					return
				}
				if e == nil || !yield(Record{decodeKey(e.Key()), e.Value(), e.Revision()}, nil) {
					return // all there were, or enough
				}
			case <-ctx.Done():
				yield(Record{}, t.failed("list", "", ctx.Err()))
				return
			}
		}
	}
}

func (t *Table) failed(op, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		err = ErrNotExist
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		err = ErrConflict
	case errors.Is(err, jetstream.ErrKeyExists):
		err = ErrExist
	}
	return fmt.Errorf("cluster: %s %q in %s: %w", op, key, t.name, err)
}

// Key joins parts to a key. Different parts never make the same key.
func Key(parts ...string) string {
	encoded := make([]string, len(parts))
	for i, p := range parts {
		encoded[i] = strings.ReplaceAll(strings.ReplaceAll(p, "%", "%25"), "/", "%2F")
	}
	return strings.Join(encoded, "/")
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
