package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"

	"github.com/callreel/callreel/events"
	"github.com/callreel/callreel/internal/fault"
)

// webhookFlags say who is told of events.
type webhookFlags struct {
	Subscriptions  string    `help:"File with subscriptions to events, a JSON array as PUT /subscriptions takes each, with its name. They are there from the start." type:"existingfile" placeholder:"FILE"`
	WebhookNetwork []network `help:"Networks that events and callbacks may be sent to although they are not public, such as 10.0.0.0/8; http is possible only there." placeholder:"CIDR"`
}

// subscriptions reads the file, if there is one.
func (f webhookFlags) subscriptions() ([]events.Subscription, error) {
	if f.Subscriptions == "" {
		return nil, nil
	}
	b, err := os.ReadFile(f.Subscriptions)
	if err != nil {
		return nil, fault.Caller.Wrap(err)
	}
	var subs []events.Subscription
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&subs); err != nil {
		return nil, fault.Caller.Wrap(fmt.Errorf("%s is not a JSON array of subscriptions: %w", f.Subscriptions, err))
	}
	return subs, nil
}

func (f webhookFlags) networks() []netip.Prefix {
	var out []netip.Prefix
	for _, n := range f.WebhookNetwork {
		out = append(out, n.Prefix)
	}
	return out
}

// network is a value such as 10.0.0.0/8, or an address.
type network struct{ netip.Prefix }

func (n *network) UnmarshalText(b []byte) error {
	if a, err := netip.ParseAddr(string(b)); err == nil {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a network such as 10.0.0.0/8", b)
	}
	n.Prefix = p.Masked()
	return nil
}
