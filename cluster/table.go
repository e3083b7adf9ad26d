package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Errors that a caller must tell apart. They are returned wrapped.
var (
	ErrNotExist = errors.New("cluster: no such record")
	ErrExist    = errors.New("cluster: the record exists")
	// ErrConflict means that somebody else changed the record since it was read.
	ErrConflict = errors.New("cluster: the record was changed meanwhile")
)

// Table holds records under keys. A key is anything; see [Key] for one of
// several parts. A record is up to 4 MiB. Every change is durable when a method
// returns. The methods are safe for concurrent use.
type Table struct {
	name string
	in   records
}

// Record is one of a table.
type Record struct {
	Key      string
	Value    []byte
	Revision uint64 // grows with each change of the table
}

// records is where the records of a table are.
type records interface {
	get(ctx context.Context, key string) (Record, error)
	put(ctx context.Context, key string, value []byte) (uint64, error)
	create(ctx context.Context, key string, value []byte) (uint64, error)
	update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	remove(ctx context.Context, key string) error
	all(ctx context.Context) iter.Seq2[Record, error]
}

// Get returns a record, or ErrNotExist.
func (t *Table) Get(ctx context.Context, key string) (Record, error) {
	r, err := t.in.get(ctx, key)
	return r, t.failed("get", key, err)
}

// Create adds a record and returns its revision. Of several that try at the
// same time, on any node, one succeeds; the others get ErrExist.
func (t *Table) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := t.in.create(ctx, key, value)
	return revision, t.failed("create", key, err)
}

// Put adds or replaces a record and returns its revision.
func (t *Table) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := t.in.put(ctx, key, value)
	return revision, t.failed("put", key, err)
}

// Update replaces a record that is of that revision still, or fails with
// ErrConflict. It returns the new revision.
func (t *Table) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	next, err := t.in.update(ctx, key, value, revision)
	return next, t.failed("update", key, err)
}

// Delete removes a record. That there is none is no error.
func (t *Table) Delete(ctx context.Context, key string) error {
	return t.failed("delete", key, t.in.remove(ctx, key))
}

// All yields the records, in no particular order. An error ends it.
func (t *Table) All(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for r, err := range t.in.all(ctx) {
			if !yield(r, t.failed("list", "", err)) || err != nil {
				return
			}
		}
	}
}

func (t *Table) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cluster: %s %.200q in %s: %w", op, key, t.name, err)
}

// Key joins parts to a key. Different parts never make the same key.
func Key(parts ...string) string {
	encoded := make([]string, len(parts))
	for i, p := range parts {
		encoded[i] = strings.ReplaceAll(strings.ReplaceAll(p, "%", "%25"), "/", "%2F")
	}
	return strings.Join(encoded, "/")
}
