package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/fault"
)

// subscriptionsCmd looks after who is told of events.
type subscriptionsCmd struct {
	List   subscriptionListCmd   `cmd:"" default:"withargs" help:"List subscriptions."`
	Show   subscriptionShowCmd   `cmd:"" help:"Print all that is known of a subscription, as JSON."`
	Put    subscriptionPutCmd    `cmd:"" help:"Make or change a subscription, and print it as JSON. Fails if the endpoint refuses it."`
	Delete subscriptionDeleteCmd `cmd:"" help:"Delete a subscription; what is not delivered yet never will be."`
	Replay subscriptionReplayCmd `cmd:"" help:"Deliver events of the past once more, and print how many those are."`
}

type subscriptionListCmd struct {
	Server clientFlags `embed:""`
}

// Run prints a table.
func (c *subscriptionListCmd) Run(ctx context.Context, con console) error {
	api, err := c.Server.client()
	if err != nil {
		return err
	}
	all, err := api.Subscriptions(ctx)
	if err != nil {
		return err
	}
	t := newTable(con.out, "NAME", "ENDPOINT", "SCHEMA", "STATE", "PENDING", "OLDEST")
	for _, s := range all {
		t.row(s.Name, s.Endpoint, s.Schema, s.State, s.Pending, local(s.OldestPending))
	}
	return t.Flush()
}

// subscriptionArg names a subscription.
type subscriptionArg struct {
	Name   string      `arg:"" help:"Name of the subscription: 3 to 64 letters, digits and hyphens."`
	Server clientFlags `embed:""`
}

type subscriptionShowCmd struct {
	Subscription subscriptionArg `embed:""`
}

// Run prints it.
func (c *subscriptionShowCmd) Run(ctx context.Context, con console) error {
	api, err := c.Subscription.Server.client()
	if err != nil {
		return err
	}
	s, err := api.Subscription(ctx, c.Subscription.Name)
	if err != nil {
		return err
	}
	return printJSON(con.out, s)
}

type subscriptionPutCmd struct {
	Subscription subscriptionArg   `embed:""`
	Endpoint     string            `arg:"" help:"URL to post events to."`
	Schema       string            `help:"Form of the events: that of Event Grid, or CloudEvents 1.0." enum:"EventGridSchema,CloudEventSchemaV1_0" default:"EventGridSchema"`
	Type         []string          `help:"Types of events, such as Microsoft.Communication.RecordingFileStatusUpdated; all if not given." placeholder:"TYPE"`
	Header       map[string]string `help:"Headers of each delivery; may be given several times." mapsep:"none" placeholder:"NAME=VALUE"`
	SigningKey   string            `help:"Key to sign deliveries with (Standard Webhooks): Base64 of 24 to 64 bytes, with or without whsec_ before it." placeholder:"KEY"`
	MaxAttempts  int               `help:"How often an event is tried, 1 to 30; 0: as the server has it." default:"0"`
	EventTTL     time.Duration     `name:"event-ttl" help:"For how long an event is tried, 1m to 24h; 0: as the server has it." default:"0s"`
}

// Run makes it. That it is not validated yet is no failure: the endpoint may
// open the validation URL later.
func (c *subscriptionPutCmd) Run(ctx context.Context, con console) error {
	key, err := parseSigningKey(c.SigningKey)
	if err != nil {
		return err
	}
	if c.EventTTL%time.Minute != 0 {
		return fault.Caller.Wrap(fmt.Errorf("--event-ttl is in whole minutes, not %v", c.EventTTL))
	}
	api, err := c.Subscription.Server.client()
	if err != nil {
		return err
	}
	s, err := api.PutSubscription(ctx, c.Subscription.Name, client.SubscriptionConfig{
		Endpoint: c.Endpoint, Schema: client.Schema(c.Schema), EventTypes: c.Type, Headers: c.Header, SigningKey: key,
		MaxDeliveryAttempts: c.MaxAttempts, EventTimeToLiveMinutes: int(c.EventTTL.Minutes()),
	})
	if err != nil {
		return err
	}
	return printJSON(con.out, s)
}

type subscriptionDeleteCmd struct {
	Subscription subscriptionArg `embed:""`
}

// Run deletes it.
func (c *subscriptionDeleteCmd) Run(ctx context.Context) error {
	api, err := c.Subscription.Server.client()
	if err != nil {
		return err
	}
	return api.DeleteSubscription(ctx, c.Subscription.Name)
}

type subscriptionReplayCmd struct {
	Subscription subscriptionArg `embed:""`
	ID           []string        `help:"The events with these IDs." placeholder:"ID"`
	Since        moment          `help:"The events from this time on: 2026-12-01, 2026-12-01T10:00:00Z, or 24h ago." placeholder:"TIME"`
	Until        moment          `help:"The events before this time; with --since, now if not given." placeholder:"TIME"`
	DeadLetters  bool            `help:"The events whose delivery was given up."`
}

// Run prints how many are delivered again.
func (c *subscriptionReplayCmd) Run(ctx context.Context, con console) error {
	which, err := c.which(time.Now())
	if err != nil {
		return err
	}
	api, err := c.Subscription.Server.client()
	if err != nil {
		return err
	}
	n, err := api.Replay(ctx, c.Subscription.Name, which)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(con.out, n)
	return err
}

// which makes sure that events are chosen in one way.
func (c *subscriptionReplayCmd) which(now time.Time) (client.Replay, error) {
	which := client.Replay{IDs: c.ID, From: c.Since.Time, To: c.Until.Time, DeadLetters: c.DeadLetters}
	if !which.From.IsZero() && which.To.IsZero() {
		which.To = now
	}
	ways := 0
	for _, chosen := range []bool{len(which.IDs) > 0, !which.From.IsZero(), which.DeadLetters} {
		if chosen {
			ways++
		}
	}
	if ways != 1 || which.From.IsZero() != which.To.IsZero() {
		return which, fault.Caller.Wrap(errors.New("say which events: --id, --since (and --until), or --dead-letters"))
	}
	return which, nil
}

// eventsCmd looks at what was published.
type eventsCmd struct {
	List eventListCmd `cmd:"" default:"withargs" help:"List published events, the oldest first."`
}

type eventListCmd struct {
	After  uint64      `help:"Sequence number of the last event that is not wanted." placeholder:"N"`
	Type   string      `help:"Only events of this type, such as Microsoft.Communication.CallStarted." placeholder:"TYPE"`
	Limit  int         `help:"Most events to list; 0: all." default:"100"`
	JSON   bool        `help:"Print whole events, one JSON object a line."`
	Server clientFlags `embed:""`
}

// Run prints a table, or JSON.
func (c *eventListCmd) Run(ctx context.Context, con console) error {
	api, err := c.Server.client()
	if err != nil {
		return err
	}
	events := atMost(c.Limit, api.Events(ctx, client.EventFilter{After: c.After, Type: c.Type, PageSize: pageSize(c.Limit)}))
	if c.JSON {
		enc := json.NewEncoder(con.out)
		for e, err := range events {
			if err == nil {
				err = enc.Encode(e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(con.out, "SEQUENCE", "TIME", "TYPE", "SUBJECT", "ID")
	for e, err := range events {
		if err != nil {
			return errors.Join(t.Flush(), err)
		}
		t.row(e.Sequence, local(e.Event.Time), e.Event.Type, e.Event.Subject, e.Event.ID)
	}
	return t.Flush()
}
