package cluster

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// InMemory returns a node whose state ends with it: for tests, and for servers
// that need not remember anything.
func InMemory() *Node {
	return &Node{id: uuid.NewString(), memory: &memory{tables: make(map[string]*memoryTable), logs: make(map[string]*memoryLog)}}
}

// memory holds the tables and logs of a node by name.
type memory struct {
	mu     sync.Mutex
	tables map[string]*memoryTable
	logs   map[string]*memoryLog
}

func (m *memory) table(name string) *memoryTable {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tables[name] == nil {
		m.tables[name] = &memoryTable{records: make(map[string]Record)}
	}
	return m.tables[name]
}

func (m *memory) log(name string, keep time.Duration) *memoryLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs[name] == nil {
		m.logs[name] = &memoryLog{keep: keep, ids: make(map[string]bool)}
	}
	return m.logs[name]
}

type memoryTable struct {
	mu       sync.Mutex
	records  map[string]Record
	revision uint64
}

var _ records = (*memoryTable)(nil)

func (t *memoryTable) get(_ context.Context, key string) (Record, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.records[key]
	if !ok {
		return Record{}, ErrNotExist
	}
	return r, nil
}

func (t *memoryTable) put(_ context.Context, key string, value []byte) (uint64, error) {
	return t.set(key, value, func(Record, bool) error { return nil })
}

func (t *memoryTable) create(_ context.Context, key string, value []byte) (uint64, error) {
	return t.set(key, value, func(_ Record, there bool) error {
		if there {
			return ErrExist
		}
		return nil
	})
}

func (t *memoryTable) update(_ context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return t.set(key, value, func(r Record, there bool) error {
		if !there || r.Revision != revision {
			return ErrConflict
		}
		return nil
	})
}

// set writes a record if what is there allows it.
func (t *memoryTable) set(key string, value []byte, allowed func(Record, bool) error) (uint64, error) {
	if len(value) > maxValue {
		return 0, errors.New("the record is too large")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r, there := t.records[key]
	if err := allowed(r, there); err != nil {
		return 0, err
	}
	t.revision++
	t.records[key] = Record{key, slices.Clone(value), t.revision}
	return t.revision, nil
}

func (t *memoryTable) remove(_ context.Context, key string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.records, key)
	return nil
}

func (t *memoryTable) all(context.Context) iter.Seq2[Record, error] {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.Collect(maps.Values(t.records))
	return func(yield func(Record, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

type memoryLog struct {
	keep time.Duration

	mu       sync.Mutex
	messages []memoryMessage
	ids      map[string]bool // of these
	gone     uint64          // messages that are too old
}

type memoryMessage struct {
	Message
	id string
}

var _ messages = (*memoryLog)(nil)

func (l *memoryLog) append(_ context.Context, id string, data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for len(l.messages) > 0 && now.Sub(l.messages[0].Time) > l.keep {
		delete(l.ids, l.messages[0].id)
		l.messages = l.messages[1:]
		l.gone++
	}
	if l.ids[id] {
		return nil
	}
	l.ids[id] = true
	l.messages = append(l.messages, memoryMessage{Message{l.gone + uint64(len(l.messages)) + 1, now, slices.Clone(data)}, id})
	return nil
}

func (l *memoryLog) after(_ context.Context, sequence uint64) (Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := max(sequence, l.gone) - l.gone; i < uint64(len(l.messages)) {
		return l.messages[i].Message, nil
	}
	return Message{}, ErrNotExist
}
