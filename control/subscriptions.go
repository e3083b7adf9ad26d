package control

import (
	"io"
	"net/http"
	"strconv"

	"github.com/callreel/callreel/events"
)

// Webhooks says who is told of events, and who may be.
type Webhooks struct {
	// Guard says which addresses may be called.
	Guard events.Guard
	// DeadLetterFile is where events are written that could not be delivered, a
	// line of JSON each. Empty means nowhere.
	DeadLetterFile string
	// Subscriptions are there from the start, whatever clients do.
	Subscriptions []events.Subscription
	// Transport makes the requests instead of one that Guard watches over. Nil
	// means that one.
	Transport http.RoundTripper
}

func (s *Server) putSubscription(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var sub events.Subscription
	if err := decode(body, &sub, strict); err != nil {
		return err
	}
	if sub.Name != "" && sub.Name != c.name {
		return invalid("name", "it is another one than in the path")
	}
	sub.Name = c.name
	st, fresh, err := s.events.Put(r.Context(), sub)
	if err != nil {
		return err
	}
	s.log.InfoContext(r.Context(), "subscription", "name", st.Name, "endpoint", st.Endpoint, "state", st.State)
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	reply(w, status, st)
	return nil
}

// subscriptionList is the answer to GET /subscriptions.
type subscriptionList struct {
	Subscriptions []events.Status `json:"subscriptions"`
}

func (s *Server) listSubscriptions(w http.ResponseWriter, _ *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	reply(w, http.StatusOK, subscriptionList{s.events.List()})
	return nil
}

func (s *Server) showSubscription(w http.ResponseWriter, _ *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	st, err := s.events.Get(c.name)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, st)
	return nil
}

func (s *Server) deleteSubscription(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	if err := s.events.Delete(r.Context(), c.name); err != nil {
		return err
	}
	reply(w, http.StatusOK, struct{}{})
	return nil
}

// validateSubscription is opened by whoever owns an endpoint, to say that it is
// to get events. The code is secret enough.
func (s *Server) validateSubscription(w http.ResponseWriter, r *http.Request, c call) error {
	if err := s.events.Confirm(r.Context(), c.name, r.URL.Query().Get("code")); err != nil {
		return err
	}
	reply(w, http.StatusOK, struct{}{})
	return nil
}

// replayed is the answer to a replay.
type replayed struct {
	Replayed int `json:"replayed"` // deliveries that were begun
}

func (s *Server) replaySubscription(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var which events.Selection
	if err := decode(body, &which, strict); err != nil {
		return err
	}
	n, err := s.events.Replay(r.Context(), c.name, which)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, replayed{n})
	return nil
}

// eventList is the answer to GET /events.
type eventList struct {
	Events []events.Logged `json:"events"`
	Next   uint64          `json:"next"` // where to go on from
}

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.seesAll(); err != nil {
		return err
	}
	q := r.URL.Query()
	limit, after := defaultLimit, uint64(0)
	var err error
	if raw := q.Get("limit"); raw != "" {
		if limit, err = parseLimit(raw); err != nil {
			return err
		}
	}
	if raw := q.Get("after"); raw != "" {
		if after, err = strconv.ParseUint(raw, 10, 63); err != nil {
			return invalid("after", "it must be the sequence number of an event")
		}
	}
	list, next, err := s.events.Events(r.Context(), after, q.Get("type"), limit)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, eventList{list, next})
	return nil
}
