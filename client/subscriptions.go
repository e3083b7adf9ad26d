package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Schema is the form in which events are delivered.
type Schema string

// The schemas: a JSON array with an event of Azure Event Grid, or one event of
// CloudEvents 1.0.
const (
	EventGrid   Schema = "EventGridSchema"
	CloudEvents Schema = "CloudEventSchemaV1_0"
)

// SubscriptionState says whether events are delivered.
type SubscriptionState string

// The states of a subscription. The endpoint must first show that it wants the
// events, by the handshake of its schema; until then they wait for that.
const (
	AwaitingValidation SubscriptionState = "AwaitingValidation"
	SubscriptionActive SubscriptionState = "Active"
)

// SubscriptionConfig says which events go where. Endpoint is needed.
type SubscriptionConfig struct {
	// Endpoint is the URL that events are posted to. Its query may hold secrets:
	// the server does not show it again.
	Endpoint string `json:"endpoint"`
	// Schema is the form of the events. Empty means EventGrid.
	Schema Schema `json:"schema,omitempty"`
	// EventTypes are the types that are wanted, such as
	// Microsoft.Communication.RecordingFileStatusUpdated. None means all.
	EventTypes []string `json:"eventTypes,omitempty"`
	// Headers go with each delivery: up to 10 of up to 4 KiB.
	Headers map[string]string `json:"headers,omitempty"`
	// SigningKey signs each delivery by Standard Webhooks (webhook-signature):
	// 24 to 64 bytes. Empty means no signature.
	SigningKey []byte `json:"signingKey,omitempty"`
	// MaxDeliveryAttempts is how often an event is tried, 1 to 30. Zero means 30.
	MaxDeliveryAttempts int `json:"maxDeliveryAttempts,omitempty"`
	// EventTimeToLiveMinutes is for how long an event is tried, 1 to 1440. Zero
	// means 1440.
	EventTimeToLiveMinutes int `json:"eventTimeToLiveMinutes,omitempty"`
}

// Subscription is what the server tells of one.
type Subscription struct {
	Name                   string            `json:"name"`
	Endpoint               string            `json:"endpoint"` // without its query
	Schema                 Schema            `json:"schema"`
	EventTypes             []string          `json:"eventTypes,omitempty"`
	Headers                []string          `json:"headers,omitempty"` // names
	Signed                 bool              `json:"signed"`
	MaxDeliveryAttempts    int               `json:"maxDeliveryAttempts"`
	EventTimeToLiveMinutes int               `json:"eventTimeToLiveMinutes"`
	State                  SubscriptionState `json:"state"`
	Pending                int               `json:"pending"`                // events to deliver
	OldestPending          time.Time         `json:"oldestPending,omitzero"` // zero: none
}

// PutSubscription makes a subscription, or changes the one of that name: 3 to 64
// letters, digits and hyphens. The server asks the endpoint whether it wants the
// events before it answers, which takes up to half a minute. An endpoint that
// refuses is an error, and changes nothing; one that is to agree by having its
// validation URL opened is AwaitingValidation.
func (c *Client) PutSubscription(ctx context.Context, name string, cfg SubscriptionConfig) (Subscription, error) {
	var s Subscription
	err := c.call(ctx, request{method: http.MethodPut, path: subscriptionPath(name), body: cfg}, &s)
	return s, err
}

// Subscriptions lists all there are.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var answer struct {
		Subscriptions []Subscription `json:"subscriptions"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: "/subscriptions"}, &answer)
	return answer.Subscriptions, err
}

// Subscription returns the one of that name.
func (c *Client) Subscription(ctx context.Context, name string) (Subscription, error) {
	var s Subscription
	err := c.call(ctx, request{method: http.MethodGet, path: subscriptionPath(name)}, &s)
	return s, err
}

// DeleteSubscription ends a subscription. What is not delivered yet never will be.
func (c *Client) DeleteSubscription(ctx context.Context, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: subscriptionPath(name)}, nil)
}

// Replay chooses events of the past, in one of three ways.
type Replay struct {
	// IDs are those of events.
	IDs []string `json:"ids,omitempty"`
	// From and To bound their time: From counts, To does not.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// DeadLetters chooses those whose delivery was given up.
	DeadLetters bool `json:"deadLetters,omitempty"`
}

// Replay delivers events once more, with the same IDs, and returns how many
// those are. If its answer is lost they may be delivered twice more.
func (c *Client) Replay(ctx context.Context, name string, which Replay) (int, error) {
	var answer struct {
		Replayed int `json:"replayed"`
	}
	err := c.call(ctx, request{method: http.MethodPost, path: subscriptionPath(name) + "/replay", body: which}, &answer)
	return answer.Replayed, err
}

func subscriptionPath(name string) string { return "/subscriptions/" + url.PathEscape(name) }
