package control

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callreel/callreel/ingest/whip"
)

// callCollector tells who is in the calls.
type callCollector struct {
	server *Server
	descs
}

func describeCalls() descs {
	d := descs{}
	d.add("conversations", "Calls with a participant or a recording.")
	d.add("participants", "Participants of all calls.")
	d.add("whip_sessions", "Sessions of WHIP, by state.", "state")
	d.add("whip_dropped_packets", "Packets of the sessions there are that were of no negotiated codec, or malformed.")
	return d
}

// Collect looks at calls and sessions.
func (c callCollector) Collect(to chan<- prometheus.Metric) {
	calls := c.server.host.Calls()
	people := 0
	states := make(map[whip.State]int)
	var dropped uint64
	for _, call := range calls {
		people += len(call.Participants)
	}
	for _, x := range c.server.host.Sessions() {
		states[x.State]++
		dropped += x.Dropped
	}
	c.gauge(to, "conversations", float64(len(calls)))
	c.gauge(to, "participants", float64(people))
	for _, s := range []whip.State{whip.StateNew, whip.StateConnected, whip.StateDisconnected} {
		c.gauge(to, "whip_sessions", float64(states[s]), string(s))
	}
	c.gauge(to, "whip_dropped_packets", float64(dropped))
}
