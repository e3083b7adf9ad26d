package events

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/callreel/callreel/cluster"
)

// formatVersion is that of the records in the tables.
const formatVersion = 1

// delivery is an event on its way to one endpoint. It is a record of the table
// Outbox until it has been delivered or given up.
type delivery struct {
	Version   int       `json:"version"`
	Target    string    `json:"subscription,omitempty"`
	Callback  string    `json:"callback,omitempty"` // instead of a subscription
	Event     Event     `json:"event"`
	Published time.Time `json:"published"`
	Attempts  int       `json:"attempts"` // that were begun
	Next      time.Time `json:"next"`
	Last      time.Time `json:"last,omitzero"`
	Outcome   string    `json:"outcome,omitempty"` // of the last attempt
}

func (d *delivery) key() string { return cluster.Key(d.Target, d.Event.ID) }

// queue names the queue that it waits in: that of the subscription, or of all
// callbacks to a host.
func (d *delivery) queue() string {
	if d.Target != "" {
		return queueOf(d.Target)
	}
	u, err := url.Parse(d.Callback)
	if err != nil {
		return cluster.Key("callback", "")
	}
	return cluster.Key("callback", u.Host)
}

func queueOf(subscription string) string { return cluster.Key("subscription", subscription) }

// deadline is when it is given up.
func (d *delivery) deadline(ttl time.Duration) time.Time { return d.Published.Add(ttl) }

func (d *delivery) encode() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("events: %v", err)) // made of strings, times and valid JSON
	}
	return b
}

func decodeDelivery(value []byte) (*delivery, error) {
	var d delivery
	if err := json.Unmarshal(value, &d); err != nil {
		return nil, fmt.Errorf("events: a record of the outbox: %w", err)
	}
	if d.Version > formatVersion {
		return nil, fmt.Errorf("events: a record of the outbox has version %d, and this program knows %d", d.Version, formatVersion)
	}
	return &d, nil
}

// item is a delivery in memory.
type item struct {
	*delivery
	revision uint64
}

// items is a heap by the time of the next attempt.
type items []item

var _ heap.Interface = (*items)(nil)

func (h items) Len() int           { return len(h) }
func (h items) Less(i, j int) bool { return h[i].Next.Before(h[j].Next) }
func (h items) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *items) Push(x any)        { *h = append(*h, x.(item)) }
func (h *items) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = item{}
	*h = (*h)[:last]
	return it
}
