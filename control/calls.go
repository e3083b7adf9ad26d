package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/events"
)

// calls tells of the calls: of their beginnings and ends, and of who comes and
// goes. The calls that go on are in a table, so that they outlive a crash: they
// keep their ids if somebody comes back or a recording goes on, and else their
// ends are told.
type calls struct {
	table  *cluster.Table
	node   string
	events *events.Service

	mu   sync.Mutex
	open map[string]*openCall // by conversation
}

// openCall is a record of the table. What is untold is to be told again after a
// crash, as it may not have been.
type openCall struct {
	Version      int       `json:"version"`
	Node         string    `json:"node"`
	Conversation string    `json:"conversationId"`
	Call         string    `json:"callId"`
	Since        time.Time `json:"since"`
	StartedBy    string    `json:"startedBy"`
	Untold       bool      `json:"untold,omitempty"`
	People       []present `json:"people,omitempty"` // who is there
	last         callreel.ParticipantInfo
	lost         time.Time // when a crash interrupted it, until somebody comes
}

// present is somebody in a call.
type present struct {
	ID     string    `json:"participantId"`
	Name   string    `json:"displayName,omitempty"`
	Joined time.Time `json:"joined"`
	Untold bool      `json:"untold,omitempty"`
}

// callGrace is for how long after a crash a call waits for somebody to come back,
// unless it is recorded.
const callGrace = time.Minute

// deal tells of what happened in a call. It may be repeated.
func (c *calls) deal(ctx context.Context, e callreel.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Type {
	case callreel.CallStarted:
		return c.begin(ctx, e)
	case callreel.CallEnded:
		if e.Err != nil {
			return c.interrupt(ctx, e)
		}
		return c.end(ctx, e.Conversation, e.Time, "Nobody is left in the call.")
	default:
		return c.move(ctx, e)
	}
}

// id returns what events call the call of a conversation; known is what the engine
// calls it, which does not know of calls before a crash.
func (c *calls) id(conversation, known string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call := c.open[conversation]; call != nil {
		return call.Call
	}
	return known
}

// begin begins a call, or goes on with one that nobody has ended.
func (c *calls) begin(ctx context.Context, e callreel.Event) error {
	call := c.open[e.Conversation]
	if call == nil {
		call = &openCall{
			Version: recordVersion, Node: c.node, Conversation: e.Conversation, Call: e.Call, Since: e.Time,
			StartedBy: e.Participant.ID, Untold: true,
		}
		if err := c.save(ctx, call); err != nil {
			return err
		}
		c.open[e.Conversation] = call
	}
	if len(call.People) > 0 { // whoever knew of them has crashed
		call.lost = e.Time
		if err := c.dismiss(ctx, call); err != nil {
			return err
		}
	}
	call.last, call.lost = *e.Participant, time.Time{}
	return c.tellBegin(ctx, call)
}

// tellBegin tells of the beginning of a call, unless that is known to have been told.
func (c *calls) tellBegin(ctx context.Context, call *openCall) error {
	if !call.Untold {
		return nil
	}
	subject := "call/" + url.PathEscape(callIDOf(call.Conversation)) + "/startedBy/" + url.PathEscape(call.StartedBy)
	err := c.publish(ctx, events.CallStarted, subject, call.Since, call.Call, events.Started{Call: call.data()})
	call.Untold = err != nil // on disk with the next change
	return err
}

func (c *calls) save(ctx context.Context, call *openCall) error {
	value, err := json.Marshal(call)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	_, err = c.table.Put(ctx, call.Conversation, value)
	return err
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

// move tells of somebody who came or went.
func (c *calls) move(ctx context.Context, e callreel.Event) error {
	call := c.open[e.Conversation]
	if call == nil {
		return nil
	}
	call.last, call.lost = *e.Participant, time.Time{}
	who := present{ID: e.Participant.ID, Name: e.Participant.Name, Joined: e.Participant.Joined}
	at := slices.IndexFunc(call.People, func(p present) bool { return p.ID == who.ID && p.Joined.Equal(who.Joined) })
	if e.Type == callreel.ParticipantLeft {
		if err := c.tellMove(ctx, call, who, e.Time, false); err != nil {
			return err
		}
		if at >= 0 {
			call.People = slices.Delete(call.People, at, at+1)
		}
		return c.save(ctx, call)
	}
	if at < 0 {
		call.People, at = append(call.People, who), len(call.People)
	}
	call.People[at].Untold = true
	if err := c.save(ctx, call); err != nil {
		return err
	}
	if err := c.tellMove(ctx, call, who, e.Time, true); err != nil {
		return err
	}
	call.People[at].Untold = false
	return c.save(ctx, call)
}

// tellMove tells of somebody who came or went: in the words of today, and in those
// of April 2021, where each is a leg of the call.
func (c *calls) tellMove(ctx context.Context, call *openCall, p present, at time.Time, came bool) error {
	what, leg := events.CallParticipantAdded, "Established"
	if !came {
		what, leg = events.CallParticipantRemoved, "Terminated"
	}
	id, stay := callIDOf(call.Conversation), fmt.Sprintf("%s\n%s\n%d", call.Call, p.ID, p.Joined.UnixNano())
	subject := "call/" + url.PathEscape(id) + "/participant/" + url.PathEscape(p.ID)
	err := c.publish(ctx, what, subject, at, stay, events.Membership{
		Call: call.data(), User: party(p.ID), DisplayName: cmp.Or(p.Name, p.ID), ParticipantID: p.ID,
	})
	if err != nil {
		return err
	}
	of, err := events.New(events.CallLegStateChanged, "", at, stay, nil)
	if err != nil {
		return err
	}
	legID := of.ID // of the stay, whatever its state
	return c.publish(ctx, events.CallLegStateChanged, "callLeg/"+legID+"/callState", at, stay+leg,
		events.Leg{ConversationID: id, CallLegID: legID, CallState: leg})
}

func (c *calls) publish(ctx context.Context, what, subject string, at time.Time, of string, data any) error {
	e, err := events.New(what, subject, at, of, data)
	if err != nil {
		return err
	}
	return c.events.Publish(ctx, e)
}

// recover takes over the calls that an earlier run of this node has left. Nobody is
// in them until they come back.
func (c *calls) recover(ctx context.Context, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
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
	for _, call := range c.open {
		call.lost = at
		if err := c.dismiss(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// interrupt notes that the process that held a call is gone. Nobody is in the call
// until they come back.
func (c *calls) interrupt(ctx context.Context, e callreel.Event) error {
	call := c.open[e.Conversation]
	if call == nil {
		return nil
	}
	call.lost = e.Time
	return c.dismiss(ctx, call)
}

// dismiss tells that those who were in a call are not any more.
func (c *calls) dismiss(ctx context.Context, call *openCall) error {
	if err := c.tellBegin(ctx, call); err != nil {
		return err
	}
	for _, p := range call.People {
		if p.Untold {
			if err := c.tellMove(ctx, call, p, p.Joined, true); err != nil {
				return err
			}
		}
		if err := c.tellMove(ctx, call, p, call.lost, false); err != nil {
			return err
		}
		call.last = callreel.ParticipantInfo{ID: p.ID, Name: p.Name, Joined: p.Joined, Left: call.lost}
	}
	call.People = nil
	return c.save(ctx, call)
}

// expire ends the calls to which nobody has come back and that are not recorded.
func (c *calls) expire(ctx context.Context, at time.Time, recorded func(conversation string) bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for conversation, call := range c.open {
		if !call.lost.IsZero() && at.Sub(call.lost) >= callGrace && !recorded(conversation) {
			errs = append(errs, c.end(ctx, conversation, call.lost, "The server was interrupted."))
		}
	}
	return errors.Join(errs...)
}

func (o *openCall) data() events.Call {
	return events.Call{StartedBy: party(o.StartedBy), ServerCallID: callIDOf(o.Conversation), CorrelationID: o.Call}
}

func party(id string) events.Party {
	return events.Party{Identifier: events.Identify(id), Role: "participant"}
}
