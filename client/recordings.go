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

// RecordingFilter chooses recordings. The zero value chooses all.
type RecordingFilter struct {
	// Conversation is the ID of the only conversation whose recordings count.
	Conversation string
	// States are those that count, in the words of [Recording].State.
	States []string
	// From and To bound the time of the start: From counts, To does not. Zero
	// means no bound.
	From, To time.Time
	// PageSize is how many are asked for at a time, 1 to 1000. Zero means the
	// server's default.
	PageSize int
}

func (f RecordingFilter) query(cursor string) url.Values {
	q := url.Values{}
	if f.Conversation != "" {
		q.Set("conversation", f.Conversation)
	}
	for _, s := range f.States {
		q.Add("state", s)
	}
	if !f.From.IsZero() {
		q.Set("from", f.From.UTC().Format(time.RFC3339Nano))
	}
	if !f.To.IsZero() {
		q.Set("to", f.To.UTC().Format(time.RFC3339Nano))
	}
	if f.PageSize > 0 {
		q.Set("limit", strconv.Itoa(f.PageSize))
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return q
}

// Recordings yields the recordings that the filter chooses, the newest start
// first. It asks for one page after the other, as far as the caller goes on. An
// error ends it.
func (c *Client) Recordings(ctx context.Context, f RecordingFilter) iter.Seq2[Recording, error] {
	return func(yield func(Recording, error) bool) {
		for cursor := ""; ; {
			page, next, err := c.RecordingsPage(ctx, f, cursor)
			if err != nil {
				yield(Recording{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}

// RecordingsPage returns one page of what [Client.Recordings] yields, and the
// cursor of the next one, which is empty on the last. The first page's is empty
// too. The filter must be the same on all pages.
func (c *Client) RecordingsPage(ctx context.Context, f RecordingFilter, cursor string) (page []Recording, next string, err error) {
	var answer struct {
		Recordings []Recording `json:"recordings"`
		NextCursor string      `json:"nextCursor"`
	}
	err = c.call(ctx, request{method: http.MethodGet, path: withQuery("/recordings", f.query(cursor))}, &answer)
	return answer.Recordings, answer.NextCursor, err
}

// Recording returns the details of a recording, whether it runs or has ended.
func (c *Client) Recording(ctx context.Context, recording string) (Recording, error) {
	var r Recording
	err := c.call(ctx, request{method: http.MethodGet, path: "/recordings/" + url.PathEscape(recording)}, &r)
	return r, err
}

// Report returns the quality report of a recording that has ended, a JSON document.
func (c *Client) Report(ctx context.Context, recording string) (json.RawMessage, error) {
	var doc json.RawMessage
	err := c.call(ctx, request{method: http.MethodGet, path: "/recordings/" + url.PathEscape(recording) + "/report"}, &doc)
	return doc, err
}

// DeleteRecording deletes all that there is of a recording that has ended: media,
// metadata, quality report and capture.
func (c *Client) DeleteRecording(ctx context.Context, recording string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: "/recordings/" + url.PathEscape(recording)}, nil)
}

// DeleteDocument deletes the media and the metadata of one chunk.
func (c *Client) DeleteDocument(ctx context.Context, document string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: "/v1/objects/" + url.PathEscape(document)}, nil)
}

// Capacity returns what the server can still take on.
func (c *Client) Capacity(ctx context.Context) (Capacity, error) {
	var now Capacity
	err := c.call(ctx, request{method: http.MethodGet, path: "/capacity"}, &now)
	return now, err
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
