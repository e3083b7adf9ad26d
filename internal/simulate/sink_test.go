package simulate_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// server is a WHIP server with one conversation.
type server struct {
	*whip.Server
	url     string
	client  *http.Client
	deletes atomic.Int32 // sessions that participants ended themselves
}

// call is a server whose conversation keeps all that arrives.
type call struct {
	*server

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	roster  map[string]string
	joins   int
	tracks  []*track
}

// track is what arrived on a track or a layer.
type track struct {
	call    *call
	info    ingest.TrackInfo
	in      *ingest.Receiver
	units   []ingest.Unit
	reports []*rtcp.SenderReport
	closed  bool
}

func newCall(t testing.TB) *call {
	t.Helper()
	return newCallOver(t, nil)
}

// newCallOver returns a call over a socket, or over any if it is nil.
func newCallOver(t testing.TB, udp net.PacketConn) *call {
	t.Helper()
	c := &call{changed: make(chan struct{}), roster: map[string]string{}}
	c.server = serve(t, c, udp)
	return c
}

// serve returns a server whose conversation is sink.
func serve(t testing.TB, sink ingest.Sink, udp net.PacketConn) *server {
	t.Helper()
	w, err := whip.New(whip.Config{
		Sink:        func(context.Context, string) (ingest.Sink, error) { return sink, nil },
		Authorize:   authorize,
		UDP:         udp,
		Loopback:    true,
		DisableIPv6: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Server: w}
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			s.deletes.Add(1)
		}
		w.ServeHTTP(rw, r)
	}))
	s.url, s.client = web.URL+"/whip/room", web.Client()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return s
}

// authorize trusts the query, and knows one token.
func authorize(r *http.Request, _ string) (whip.Grant, error) {
	if r.Header.Get("Authorization") == "Bearer tom" {
		return whip.Grant{Participant: ingest.Participant{ID: "tom", Name: "Tom"}}, nil
	}
	q := r.URL.Query()
	if q.Get("participant") == "" {
		return whip.Grant{}, whip.ErrUnauthorized
	}
	g := whip.Grant{Participant: ingest.Participant{ID: q.Get("participant"), Name: q.Get("name")}}
	if q.Get("role") == "screen" {
		g.Role = ingest.Screen
	}
	return g, nil
}

// change runs f with the lock held and wakes who waits.
func (c *call) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait returns when cond, which is called with the lock held, is true.
func (c *call) wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		ok, changed := cond(), c.changed
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: waited for %v", what, patience)
		}
	}
}

// find returns the newest track of a participant with a codec and a RID.
func (c *call) find(participant, mime, rid string) *track {
	var found *track
	for _, t := range c.tracks {
		if t.info.Participant.ID == participant && t.info.MimeType == mime && t.info.RID == rid {
			found = t
		}
	}
	return found
}

func (c *call) Join(p ingest.Participant) (func(), error) {
	c.change(func() { c.roster[p.ID] = p.Name; c.joins++ })
	return sync.OnceFunc(func() { c.change(func() { delete(c.roster, p.ID) }) }), nil
}

func (c *call) AddTrack(info ingest.TrackInfo) (ingest.Writer, error) {
	kind, err := ingest.CodecByMime(info.MimeType)
	if err != nil {
		return nil, err
	}
	t := &track{call: c, info: info, in: ingest.NewReceiver(ingest.ReceiverConfig{
		Codec: kind, Fmtp: info.Fmtp, Payloads: info.Payloads, Extensions: info.Extensions, MaxWait: timebase.Second,
	})}
	c.change(func() { c.tracks = append(c.tracks, t) })
	return t, nil
}

func (t *track) WriteRTP(p *rtp.Packet, arrival time.Time) error {
	var missing []uint16
	t.call.change(func() {
		now := timebase.FromDuration(time.Duration(arrival.UnixNano()))
		t.in.Push(p, now)
		missing = t.in.WantPackets(now, nil)
		for u, ok := t.in.Pop(); ok; u, ok = t.in.Pop() {
			t.units = append(t.units, u)
		}
	})
	if len(missing) > 0 && t.info.RequestPackets != nil {
		t.info.RequestPackets(missing)
	}
	return nil
}

func (t *track) WriteRTCP(ps []rtcp.Packet, _ time.Time) error {
	t.call.change(func() {
		for _, p := range ps {
			t.reports = append(t.reports, p.(*rtcp.SenderReport))
		}
	})
	return nil
}

func (t *track) Close() error {
	t.call.change(func() { t.closed = true })
	return nil
}

// since returns the time of an RTP timestamp since the epoch, by a sender report.
func (t *track) since(epoch time.Time, rtpTime int64, r *rtcp.SenderReport) time.Duration {
	const unixEpoch = 2208988800
	wall := time.Unix(int64(r.NTPTime>>32)-unixEpoch, int64(r.NTPTime&0xffffffff*1e9>>32))
	behind := time.Duration(rtpTime-t.in.Unwrap(r.RTPTime)) * time.Second / time.Duration(t.info.ClockRate)
	return wall.Sub(epoch) + behind
}
