package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/callreel/callreel/cluster"
)

// recordVersion is that of the records in the index.
const recordVersion = 1

// stateDeleted is the state of a recording whose files were deleted. The others
// are those of callreel.State.
const stateDeleted = "deleted"

// record is what the server knows of a recording, now and after a restart.
type record struct {
	Version int    `json:"version"`
	Node    string `json:"node"` // that made it
	recordingDetails
	CallID       string `json:"serverCallId"` // what whoever started it calls the conversation
	ConnectionID string `json:"callConnectionId,omitempty"`
	CorrelatesTo string `json:"correlationId,omitempty"`          // the call, as its events name it
	CallbackURL  string `json:"callbackUrl,omitempty"`            // all of it
	Request      string `json:"repeatabilityRequestId,omitempty"` // that started it
	// Told is the state that the callback was told last, and Tellings how often
	// it was told one.
	Told      recordingState `json:"told,omitempty"`
	Tellings  int            `json:"tellings,omitempty"`
	Gone      []int          `json:"deletedChunks,omitempty"`
	Stored    bool           `json:"stored,omitempty"`    // all its files are in the store
	Announced bool           `json:"announced,omitempty"` // as an event
	// Intended says that this was written before the recording began.
	Intended bool `json:"intended,omitempty"`
}

// over reports whether the recording has ended, whatever became of it.
func (r *record) over() bool { return !r.EndTime.IsZero() }

// entry is a record in memory.
type entry struct {
	record
	revision uint64
}

// index holds the records of all recordings, in a table and in memory.
type index struct {
	table *cluster.Table
	node  string

	mu      sync.Mutex
	byID    map[string]*entry
	order   []*entry          // by start, then by ID
	intents map[string]*entry // of recordings without a record, by ID
}

func openIndex(ctx context.Context, table *cluster.Table, node string) (*index, error) {
	x := &index{table: table, node: node, byID: make(map[string]*entry), intents: make(map[string]*entry)}
	for r, err := range table.All(ctx) {
		if err != nil {
			return nil, err
		}
		e := &entry{revision: r.Revision}
		if err := json.Unmarshal(r.Value, &e.record); err != nil {
			return nil, fmt.Errorf("control: index of recordings, %q: %w", r.Key, err)
		}
		if e.Version > recordVersion {
			return nil, fmt.Errorf("control: index of recordings, %q has version %d, and this program knows %d", r.Key, e.Version, recordVersion)
		}
		if e.Intended {
			x.intents[r.Key] = e
			continue
		}
		x.byID[r.Key] = e
		x.order = append(x.order, e)
	}
	slices.SortFunc(x.order, compareEntries)
	return x, nil
}

func compareEntries(a, b *entry) int { return a.place().compare(b.place()) }

// place is where a recording is in the order.
type place struct {
	start time.Time
	id    string
}

func (r *record) place() place { return place{r.StartTime, r.ID} }

func (p place) compare(o place) int { return cmp.Or(p.start.Compare(o.start), cmp.Compare(p.id, o.id)) }

// get returns a copy of a record.
func (x *index) get(id string) (record, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.byID[id]; e != nil {
		return e.record, true
	}
	return record{}, false
}

// add makes a record of a recording that is not known yet, with what was said when
// it was to begin.
func (x *index) add(ctx context.Context, r record) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := &entry{record: r}
	intent := x.intents[r.ID]
	if intent != nil {
		e.heed(&intent.record)
		e.revision = intent.revision
	}
	var err error
	if e.revision, err = x.store(ctx, &e.record, e.revision); err != nil {
		return err
	}
	delete(x.intents, r.ID)
	x.byID[r.ID] = e
	at, _ := slices.BinarySearchFunc(x.order, e, compareEntries)
	x.order = slices.Insert(x.order, at, e)
	return nil
}

// store writes a record, of a new recording for revision 0.
func (x *index) store(ctx context.Context, r *record, revision uint64) (uint64, error) {
	r.Version, r.Node = recordVersion, cmp.Or(r.Node, x.node)
	value, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("control: %w", err)
	}
	return x.write(ctx, r.ID, value, revision)
}

// write writes a record, a new one for revision 0. This node alone writes its
// records: one that is not of the revision that it should be was written by a
// write that was taken to have failed, as it took too long.
func (x *index) write(ctx context.Context, id string, value []byte, revision uint64) (next uint64, err error) {
	if revision == 0 {
		next, err = x.table.Create(ctx, id, value)
	} else {
		next, err = x.table.Update(ctx, id, value, revision)
	}
	if !errors.Is(err, cluster.ErrExist) && !errors.Is(err, cluster.ErrConflict) {
		return next, err
	}
	there, err := x.table.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	return x.table.Update(ctx, id, value, there.Revision)
}

// change changes a record, durably. It must be there.
func (x *index) change(ctx context.Context, id string, apply func(*record)) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.byID[id]
	if e == nil {
		return fmt.Errorf("control: recording %s is not in the index", id)
	}
	next := e.record
	apply(&next)
	revision, err := x.store(ctx, &next, e.revision)
	if err != nil {
		return err
	}
	e.record, e.revision = next, revision
	return nil
}

// forget drops a record, or what was to become one.
func (x *index) forget(ctx context.Context, id string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := cmp.Or(x.byID[id], x.intents[id])
	if e == nil {
		return nil
	}
	if err := x.table.Delete(ctx, id); err != nil {
		return err
	}
	delete(x.byID, id)
	delete(x.intents, id)
	if at, found := slices.BinarySearchFunc(x.order, e, compareEntries); found {
		x.order = slices.Delete(x.order, at, at+1)
	}
	return nil
}

// requested returns the recording that a request has started.
func (x *index) requested(request, conversation string) (record, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range slices.Backward(x.order) {
		if request != "" && e.Request == request && e.Conversation == conversation {
			return e.record, true
		}
	}
	return record{}, false
}

// all returns copies of the records before a place, the newest first; all for
// the zero place.
func (x *index) all(before place) []record {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]record, 0, len(x.order))
	for _, e := range slices.Backward(x.order) {
		if before == (place{}) || e.place().compare(before) < 0 {
			out = append(out, e.record)
		}
	}
	return out
}
