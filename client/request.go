package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/callreel/callreel/internal/hmacauth"
)

const (
	maxAnswer  = 64 << 20 // bytes of JSON
	maxRetries = 3
	firstDelay = time.Second // doubles with each retry
	maxDelay   = time.Minute // of what a server may ask for
)

// request is what is sent, the same each time it is repeated.
type request struct {
	method, path string // the path with its query
	header       http.Header
	body         any // JSON; nil for none
}

// call sends a request and decodes the answer, unless it is not wanted.
func (c *Client) call(ctx context.Context, r request, answer any) error {
	res, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("client: read answer: %w", err)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("client: decode answer: %w", err)
	}
	return nil
}

// send sends a request until it succeeds or there is no point in trying again.
// The body of the response is the caller's to close.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	id := uuid.NewString()
	for attempt := 0; ; attempt++ {
		res, err := c.try(ctx, r, id)
		if err == nil && res.StatusCode < http.StatusMultipleChoices {
			return res, nil
		}
		again := err == nil && worthRepeating(res.StatusCode) || err != nil && ctx.Err() == nil
		delay := delayOf(res, attempt)
		if err == nil {
			err = refusal(res)
		}
		if !again || attempt == maxRetries {
			return nil, err
		}
		if werr := wait(ctx, delay); werr != nil {
			return nil, errors.Join(err, werr)
		}
	}
}

// try sends a request once.
func (c *Client) try(ctx context.Context, r request, id string) (*http.Response, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("client: encode request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.endpoint+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("X-Ms-Client-Request-Id", id)
	switch {
	case len(c.key) > 0:
		hmacauth.Sign(req, c.key, body, time.Now())
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return res, nil
}

func worthRepeating(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= http.StatusInternalServerError
}

// delayOf is how long to wait after the given attempt: what the response asks
// for (RFC 9110, section 10.2.3), or else twice as long each time, give or take
// a quarter, so that clients don't come back all at once.
func delayOf(res *http.Response, attempt int) time.Duration {
	if res != nil {
		after := res.Header.Get("Retry-After")
		if seconds, err := strconv.Atoi(after); err == nil && seconds >= 0 {
			return min(time.Duration(min(seconds, 1<<20))*time.Second, maxDelay)
		}
		if at, err := http.ParseTime(after); err == nil {
			return min(max(0, time.Until(at)), maxDelay)
		}
	}
	d := firstDelay << attempt
	return d - d/4 + rand.N(d/2)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refusal reads an error response, in any of the forms of the service: flat, or
// inside an error object.
func refusal(res *http.Response) error {
	const maxError = 64 << 10
	b, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	e := &Error{StatusCode: res.StatusCode}
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return errors.Join(e, err)
	}
	type fields struct{ Code, Message, Target string }
	var body struct {
		fields
		Error fields
	}
	if json.Unmarshal(b, &body) != nil { // not an answer of the service itself
		e.Message = http.StatusText(res.StatusCode)
		return e
	}
	f := body.fields
	if f.Code == "" {
		f = body.Error
	}
	e.Code, e.Message, e.Target = f.Code, f.Message, f.Target
	return e
}
