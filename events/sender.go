package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// sender makes the requests to endpoints.
type sender struct {
	http   *http.Client
	topic  string // the source of events that name none
	origin string // by which endpoints of CloudEvents know this server
}

// outcome is what came of a request.
type outcome struct {
	status int    // of HTTP; 0 if there was no answer
	name   string // as Event Grid calls it
	err    error
	body   []byte
	header http.Header
}

// deliver sends an event to whom it is for; sub is nil for a callback.
func (s *sender) deliver(ctx context.Context, d *delivery, sub *Subscription) outcome {
	schema, endpoint := callback, d.Callback
	if sub != nil {
		schema, endpoint = sub.Schema, sub.Endpoint
	}
	body, err := d.Event.body(schema, s.topic)
	if err != nil {
		return outcome{name: "GenericError", err: err}
	}
	h := http.Header{"Content-Type": {schema.contentType()}}
	if sub != nil {
		sub.dress(h)
		notification(h, sub, d.Attempts-1)
		if err := sign(h, sub, d.Event.ID, body, d.Last); err != nil {
			return outcome{name: "GenericError", err: err}
		}
	}
	if schema == CloudEvents {
		h.Set("Origin", s.origin)
	}
	return s.send(ctx, http.MethodPost, endpoint, h, body)
}

// notification sets the headers that Event Grid has on a delivery.
func notification(h http.Header, sub *Subscription, count int) {
	h.Set("Aeg-Event-Type", "Notification")
	h.Set("Aeg-Subscription-Name", strings.ToUpper(sub.Name))
	h.Set("Aeg-Delivery-Count", strconv.Itoa(count))
	h.Set("Aeg-Data-Version", "1.0")
	h.Set("Aeg-Metadata-Version", "1")
	if sub.Schema == CloudEvents {
		h.Set("Aeg-Metadata-Version", "1.0")
	}
}

// sign signs a delivery as the specification of Standard Webhooks has it.
func sign(h http.Header, sub *Subscription, id string, body []byte, at time.Time) error {
	key, err := sub.signingKey()
	if err != nil || key == nil {
		return err
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+stamp+".") // never fails
	_, _ = mac.Write(body)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// send makes a request. What an endpoint answers is read up to a limit.
func (s *sender) send(ctx context.Context, method, endpoint string, h http.Header, body []byte) outcome {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, endpoint, bytes.NewReader(body))
	if err != nil {
		return outcome{name: "GenericError", err: err}
	}
	h.Set("User-Agent", "callreel")
	req.Header = h
	res, err := s.http.Do(req)
	if err != nil {
		return outcome{name: failureName(err), err: hideURL(err)}
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	out := outcome{status: res.StatusCode, name: statusName(res.StatusCode), body: answer, header: res.Header}
	if err := errors.Join(err, res.Body.Close()); err != nil && !delivered(res.StatusCode) {
		out.err = err
	}
	return out
}

// hideURL takes the URL off an error, as it may be secret.
func hideURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// failureName says why there was no answer.
func failureName(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "TimedOut"
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return "TimedOut"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "ResolutionError"
	}
	if errors.Is(err, ErrBlocked) {
		return "Forbidden"
	}
	return "GenericError"
}

// statusName is the name of a status in one word.
func statusName(status int) string {
	switch {
	case delivered(status):
		return "Delivered"
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		return "Busy"
	case status == http.StatusRequestEntityTooLarge:
		return "PayloadTooLarge"
	case status == http.StatusRequestTimeout:
		return "TimedOut"
	}
	if text := http.StatusText(status); text != "" {
		return strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), "-", "")
	}
	return "GenericError"
}
