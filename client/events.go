package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// EventFilter chooses published events. The zero value chooses all.
type EventFilter struct {
	// After is the sequence number of the last event that doesn't count.
	After uint64
	// Type is the only one that counts, such as Microsoft.Communication.CallStarted.
	Type string
	// PageSize is how many are asked for at a time. Zero means the server's default.
	PageSize int
}

// Event is one that was published.
type Event struct {
	Sequence uint64     `json:"sequence"`
	Event    CloudEvent `json:"event"`
}

// CloudEvent is an event in the form of CloudEvents 1.0.
type CloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Subject         string    `json:"subject,omitempty"`
	Type            string    `json:"type"`
	Time            time.Time `json:"time,omitzero"`
	DataContentType string    `json:"datacontenttype,omitempty"`
	// Data is a JSON document whose form depends on Type.
	Data json.RawMessage `json:"data,omitempty"`
}

// Events yields the published events that the filter chooses, the oldest first,
// until there are no more for now. It asks for one page after the other, as far
// as the caller goes on. An error ends it.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			page, next, err := c.eventsPage(ctx, f)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if next <= f.After {
				return
			}
			f.After = next
		}
	}
}

func (c *Client) eventsPage(ctx context.Context, f EventFilter) (page []Event, next uint64, err error) {
	q := url.Values{}
	if f.After > 0 {
		q.Set("after", strconv.FormatUint(f.After, 10))
	}
	if f.Type != "" {
		q.Set("type", f.Type)
	}
	if f.PageSize > 0 {
		q.Set("limit", strconv.Itoa(f.PageSize))
	}
	var answer struct {
		Events []Event `json:"events"`
		Next   uint64  `json:"next"`
	}
	err = c.call(ctx, request{method: http.MethodGet, path: withQuery("/events", q)}, &answer)
	return answer.Events, answer.Next, err
}
