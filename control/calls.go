package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/events"
)

// calls tells of the calls: of their beginnings and ends, and of who comes and
// goes. The calls that go on are in a table, so that after a crash their ends
// are told.
type calls struct {
	table  *cluster.Table
	node   string
	events *events.Service
	open   map[string]*openCall // by conversation; whoever deals with events owns it
}

// openCall is a record of the table.
type openCall struct {
	Version      int       `json:"version"`
	Node         string    `json:"node"`
	Conversation string    `json:"conversationId"`
	Call         string    `json:"callId"`
	Since        time.Time `json:"since"`
	StartedBy    string    `json:"startedBy"`
	last         callreel.ParticipantInfo
}

// deal tells of what happened in a call. It may be repeated.
func (c *calls) deal(ctx context.Context, e callreel.Event) error {
	switch e.Type {
	case callreel.CallStarted:
		return c.begin(ctx, e)
	case callreel.CallEnded:
		return c.end(ctx, e.Conversation, e.Time, "Nobody is left in the call.")
	default:
		return c.move(ctx, e)
	}
}

func (c *calls) begin(ctx context.Context, e callreel.Event) error {
	call := &openCall{
		Version: recordVersion, Node: c.node, Conversation: e.Conversation, Call: e.Call, Since: e.Time,
		StartedBy: e.Participant.ID, last: *e.Participant,
	}
	value, err := json.Marshal(call)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if _, err := c.table.Put(ctx, e.Conversation, value); err != nil {
		return err
	}
	c.open[e.Conversation] = call
	subject := "call/" + url.PathEscape(callIDOf(e.Conversation)) + "/startedBy/" + url.PathEscape(call.StartedBy)
	return c.publish(ctx, events.CallStarted, subject, e.Time, call.Call, events.Started{Call: call.data()})
}

func (c *calls) end(ctx context.Context, conversation string, at time.Time, why string) error {
	call := c.open[conversation]
	if call == nil {
		return nil
	}
	by := cmp.Or(call.last.ID, call.StartedBy)
	err := c.publish(ctx, events.CallEnded, "call/"+url.PathEscape(callIDOf(conversation)), at, call.Call, events.Ended{
		Call:            call.data(),
		EndedBy:         events.Ender{Identifier: events.Identify(by), Type: "Participant", Name: cmp.Or(call.last.Name, by)},
		Reason:          events.EndReason{Phrase: why},
		DurationSeconds: at.Sub(call.Since).Seconds(),
	})
	if err != nil {
		return err
	}
	if err := c.table.Delete(ctx, conversation); err != nil {
		return err
	}
	delete(c.open, conversation)
	return nil
}

// move tells of somebody who came or went: in the words of today, and in those
// of April 2021, where each is a leg of the call.
func (c *calls) move(ctx context.Context, e callreel.Event) error {
	call := c.open[e.Conversation]
	if call == nil {
		return nil
	}
	p := *e.Participant
	call.last = p
	what, leg := events.CallParticipantAdded, "Established"
	if e.Type == callreel.ParticipantLeft {
		what, leg = events.CallParticipantRemoved, "Terminated"
	}
	id, stay := callIDOf(e.Conversation), fmt.Sprintf("%s\n%s\n%d", call.Call, p.ID, p.Joined.UnixNano())
	subject := "call/" + url.PathEscape(id) + "/participant/" + url.PathEscape(p.ID)
	err := c.publish(ctx, what, subject, e.Time, stay, events.Membership{
		Call: call.data(), User: party(p.ID), DisplayName: cmp.Or(p.Name, p.ID), ParticipantID: p.ID,
	})
	if err != nil {
		return err
	}
	of, err := events.New(events.CallLegStateChanged, "", e.Time, stay, nil)
	if err != nil {
		return err
	}
	legID := of.ID // of the stay, whatever its state
	return c.publish(ctx, events.CallLegStateChanged, "callLeg/"+legID+"/callState", e.Time, stay+leg,
		events.Leg{ConversationID: id, CallLegID: legID, CallState: leg})
}

func (c *calls) publish(ctx context.Context, what, subject string, at time.Time, of string, data any) error {
	e, err := events.New(what, subject, at, of, data)
	if err != nil {
		return err
	}
	return c.events.Publish(ctx, e)
}

// recover ends the calls that an earlier run of this node has left.
func (c *calls) recover(ctx context.Context, at time.Time) error {
	for r, err := range c.table.All(ctx) {
		if err != nil {
			return err
		}
		var call openCall
		if err := json.Unmarshal(r.Value, &call); err != nil {
			return fmt.Errorf("control: call %q: %w", r.Key, err)
		}
		if call.Version > recordVersion {
			return fmt.Errorf("control: call %q has version %d, and this program knows %d", r.Key, call.Version, recordVersion)
		}
		if call.Node == c.node {
			c.open[call.Conversation] = &call
		}
	}
	for conversation := range c.open {
		if err := c.end(ctx, conversation, at, "The server was interrupted."); err != nil {
			return err
		}
	}
	return nil
}

func (o *openCall) data() events.Call {
	return events.Call{StartedBy: party(o.StartedBy), ServerCallID: callIDOf(o.Conversation), CorrelationID: o.Call}
}

func party(id string) events.Party {
	return events.Party{Identifier: events.Identify(id), Role: "participant"}
}
