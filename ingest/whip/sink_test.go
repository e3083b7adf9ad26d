package whip_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const patience = 20 * time.Second

// fakeSink is a conversation that counts what it is given.
type fakeSink struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	roster  map[string]int
	joins   int
	tracks  []*fakeTrack
	joinErr error
	receive func(t *fakeTrack, p *rtp.Packet) // called for each packet, if not nil
}

type fakeTrack struct {
	sink    *fakeSink
	info    ingest.TrackInfo
	packets []*rtp.Packet
	reports []*rtcp.SenderReport
	closed  bool
}

func newSink() *fakeSink {
	return &fakeSink{changed: make(chan struct{}), roster: map[string]int{}}
}

// change runs f with the lock held and wakes who waits.
func (s *fakeSink) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait returns when cond, which is called with the lock held, is true.
func (s *fakeSink) wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		ok, changed := cond(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: waited for %v; %s", what, patience, s)
		}
	}
}

func (s *fakeSink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprint("roster ", slices.Sorted(maps.Keys(s.roster)))
	for _, t := range s.tracks {
		text += fmt.Sprintf("; %s %s %q: %d packets, %d reports, closed %v",
			t.info.ID, t.info.MimeType, t.info.RID, len(t.packets), len(t.reports), t.closed)
	}
	return text
}

func (s *fakeSink) Join(p ingest.Participant) (leave func(), err error) {
	if s.joinErr != nil {
		return nil, s.joinErr
	}
	s.change(func() { s.roster[p.ID]++; s.joins++ })
	return sync.OnceFunc(func() {
		s.change(func() {
			if s.roster[p.ID]--; s.roster[p.ID] == 0 {
				delete(s.roster, p.ID)
			}
		})
	}), nil
}

func (s *fakeSink) AddTrack(info ingest.TrackInfo) (ingest.Writer, error) {
	t := &fakeTrack{sink: s, info: info}
	s.change(func() { s.tracks = append(s.tracks, t) })
	return t, nil
}

func (t *fakeTrack) WriteRTP(p *rtp.Packet, _ time.Time) error {
	t.sink.change(func() {
		t.packets = append(t.packets, p)
		if t.sink.receive != nil {
			t.sink.receive(t, p)
		}
	})
	return nil
}

func (t *fakeTrack) WriteRTCP(ps []rtcp.Packet, _ time.Time) error {
	t.sink.change(func() {
		for _, p := range ps {
			t.reports = append(t.reports, p.(*rtcp.SenderReport))
		}
	})
	return nil
}

func (t *fakeTrack) Close() error {
	t.sink.change(func() { t.closed = true })
	return nil
}

// open returns the tracks that are not closed and have had n packets.
func (s *fakeSink) open(n int) []*fakeTrack {
	var open []*fakeTrack
	for _, t := range s.tracks {
		if !t.closed && len(t.packets) >= n {
			open = append(open, t)
		}
	}
	return open
}
