package events

import (
	"encoding/base64"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of a subscription, those of Event Grid where it has them.
const (
	maxHeaders     = 10
	maxHeaderValue = 4096 // bytes
	maxEndpoint    = 4096 // bytes
	maxAttempts    = 30
	maxTTLMinutes  = 1440
	maxTypes       = 100
)

// Subscription says who is told of what. Name and Endpoint are needed.
type Subscription struct {
	Name     string `json:"name"` // 3 to 64 letters, digits and hyphens
	Endpoint string `json:"endpoint"`
	// Schema is the form of the events. Empty means EventGrid.
	Schema Schema `json:"schema,omitempty"`
	// EventTypes are those that are wanted. None means all.
	EventTypes []string `json:"eventTypes,omitempty"`
	// Headers go with each request, for the endpoint to know it by: at most 10,
	// of 4 KiB each.
	Headers map[string]string `json:"headers,omitempty"`
	// SigningKey, 24 to 64 bytes in Base64, signs each delivery as the
	// specification of Standard Webhooks has it. Empty means no signature.
	SigningKey string `json:"signingKey,omitempty"`
	// MaxAttempts is how often a delivery is tried, 1 to 30. Zero means 30.
	MaxAttempts int `json:"maxDeliveryAttempts,omitempty"`
	// TTLMinutes is for how long a delivery is tried, 1 to 1440. Zero means 1440.
	TTLMinutes int `json:"eventTimeToLiveMinutes,omitempty"`
}

// Status is a subscription as it can be shown, without its secrets.
type Status struct {
	Name          string    `json:"name"`
	Endpoint      string    `json:"endpoint"` // without its query
	Schema        Schema    `json:"schema"`
	EventTypes    []string  `json:"eventTypes"`
	Headers       []string  `json:"headers"` // their names
	Signed        bool      `json:"signed"`
	MaxAttempts   int       `json:"maxDeliveryAttempts"`
	TTLMinutes    int       `json:"eventTimeToLiveMinutes"`
	State         State     `json:"state"`
	Pending       int       `json:"pending"` // deliveries
	OldestPending time.Time `json:"oldestPending,omitzero"`
}

// State says whether a subscription's endpoint has agreed to get events.
type State string

// The states. What happens before the endpoint has agreed waits for that.
const (
	AwaitingValidation State = "AwaitingValidation"
	Active             State = "Active"
)

var subscriptionName = regexp.MustCompile(`^[A-Za-z0-9-]{3,64}$`)

// complete fills in what was left out and checks the rest.
func (s *Subscription) complete(g Guard) error {
	if s.Schema == "" {
		s.Schema = EventGrid
	}
	if s.MaxAttempts == 0 {
		s.MaxAttempts = maxAttempts
	}
	if s.TTLMinutes == 0 {
		s.TTLMinutes = maxTTLMinutes
	}
	switch {
	case !subscriptionName.MatchString(s.Name):
		return invalid("a subscription's name has 3 to 64 letters, digits and hyphens")
	case s.Schema != EventGrid && s.Schema != CloudEvents:
		return invalid("the schema is neither %s nor %s", EventGrid, CloudEvents)
	case s.MaxAttempts < 1 || s.MaxAttempts > maxAttempts:
		return invalid("maxDeliveryAttempts must be 1 to %d", maxAttempts)
	case s.TTLMinutes < 1 || s.TTLMinutes > maxTTLMinutes:
		return invalid("eventTimeToLiveMinutes must be 1 to %d", maxTTLMinutes)
	case len(s.EventTypes) > maxTypes || slices.Contains(s.EventTypes, ""):
		return invalid("eventTypes must be at most %d names", maxTypes)
	case len(s.Endpoint) > maxEndpoint:
		return invalid("the endpoint has more than %d bytes", maxEndpoint)
	}
	if _, err := s.signingKey(); err != nil {
		return err
	}
	if err := s.checkHeaders(); err != nil {
		return err
	}
	return g.checkURL(s.Endpoint)
}

// signingKey is nil where deliveries are not signed.
func (s *Subscription) signingKey() ([]byte, error) {
	if s.SigningKey == "" {
		return nil, nil
	}
	// The specification writes keys with a prefix.
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.SigningKey, "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, invalid("signingKey must be Base64 of 24 to 64 bytes")
	}
	return key, nil
}

func (s *Subscription) checkHeaders() error {
	if len(s.Headers) > maxHeaders {
		return invalid("there are more than %d headers", maxHeaders)
	}
	for name, value := range s.Headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !validHeader(name) || len(value) > maxHeaderValue || strings.ContainsAny(value, "\r\n\x00"):
			return invalid("header %.64q can't be sent", name)
		case ours(canonical):
			return invalid("header %s is set by the server", canonical)
		}
	}
	return nil
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$")

func validHeader(name string) bool { return headerName.MatchString(name) }

// ours tells the headers that a subscription may not have.
func ours(canonical string) bool {
	switch canonical {
	case "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Host", "Origin", "User-Agent":
		return true
	}
	return strings.HasPrefix(canonical, "Aeg-") || strings.HasPrefix(canonical, "Webhook-")
}

// wants reports whether the subscription is for events of that type.
func (s *Subscription) wants(eventType string) bool {
	return len(s.EventTypes) == 0 || slices.Contains(s.EventTypes, eventType)
}

// sameAddress reports whether what one has agreed to holds for the other.
func (s *Subscription) sameAddress(other Subscription) bool {
	return s.Endpoint == other.Endpoint && s.Schema == other.Schema
}

// dress puts the subscription's headers on a request.
func (s *Subscription) dress(h http.Header) {
	for name, value := range s.Headers {
		h.Set(name, value)
	}
}

func (s *Subscription) status(state State) Status {
	st := Status{
		Name: s.Name, Endpoint: WithoutQuery(s.Endpoint), Schema: s.Schema, EventTypes: append([]string{}, s.EventTypes...),
		Headers: []string{}, Signed: s.SigningKey != "", MaxAttempts: s.MaxAttempts, TTLMinutes: s.TTLMinutes, State: state,
	}
	for name := range s.Headers {
		st.Headers = append(st.Headers, textproto.CanonicalMIMEHeaderKey(name))
	}
	slices.Sort(st.Headers)
	return st
}

// WithoutQuery leaves out what may be secret in a URL.
func WithoutQuery(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
