package whip

import (
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

// told collects what a feedback sends.
type told struct {
	mu      sync.Mutex
	packets []rtcp.Packet
}

func (t *told) Write(ps []rtcp.Packet, _ interceptor.Attributes) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.packets = append(t.packets, ps...)
	return 0, nil
}

// stream has one packet at a time to read.
type stream struct{ raw []byte }

func (s *stream) Read(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
	if s.raw == nil {
		return 0, nil, io.EOF
	}
	return copy(b, s.raw), a, nil
}

func bind(tb testing.TB, a *arrivals, out interceptor.RTCPWriter, in interceptor.RTPReader) interceptor.RTPReader {
	tb.Helper()
	f := newFeedback(a)
	tb.Cleanup(func() {
		if err := f.Close(); err != nil {
			tb.Error(err)
		}
	})
	f.BindRTCPWriter(out)
	return f.BindRemoteStream(&interceptor.StreamInfo{
		SSRC: 5, ClockRate: 90000, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: sdp.TransportCCURI, ID: 3}},
	}, in)
}

func transportPacket(tb testing.TB, n int) []byte {
	tb.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 5, SequenceNumber: uint16(n), Timestamp: uint32(n) * 900}, Payload: make([]byte, 1000)}
	if err := p.SetExtension(3, binary.BigEndian.AppendUint16(nil, uint16(n+1000))); err != nil {
		tb.Fatal(err)
	}
	raw, err := p.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// Packets are read in bursts, and reported as they came: every 10 ms.
func TestFeedbackTellsWhenPacketsCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in, out := newArrivals(), &stream{}, &told{}
		r := bind(t, a, out, in)
		b := make([]byte, receiveMTU)
		const count = 250
		for n := range count {
			if n%5 == 4 {
				time.Sleep(50 * time.Millisecond)
				for i := n - 4; i <= n; i++ {
					if i == 102 {
						continue // it is lost
					}
					in.raw = transportPacket(t, i)
					a.note(in.raw, time.Now().Add(time.Duration(i-n)*10*time.Millisecond))
					if _, _, err := r.Read(b, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		time.Sleep(reportInterval)
		synctest.Wait()
		out.mu.Lock()
		defer out.mu.Unlock()
		var reports, feedbacks, deltas int
		var last rtcp.ReceptionReport
		for _, p := range out.packets {
			switch p := p.(type) {
			case *rtcp.ReceiverReport:
				reports++
				last = p.Reports[0]
			case *rtcp.TransportLayerCC:
				feedbacks++
				for i, d := range p.RecvDeltas {
					deltas++
					if want := 10 * time.Millisecond; i > 0 && d.Delta != want.Microseconds() && d.Delta != 2*want.Microseconds() {
						t.Errorf("%d us between two packets, want %v", d.Delta, want)
					}
				}
			}
		}
		if reports < 3 || last.LastSequenceNumber != count-1 || last.TotalLost != 1 || last.Jitter != 0 {
			t.Errorf("%d receiver reports, the last %+v", reports, last)
		}
		if feedbacks < 20 || feedbacks > 30 || deltas != count-1 {
			t.Errorf("%d feedbacks tell of %d packets, want 25 of %d", feedbacks, deltas, count-1)
		}
	})
}

// Between two feedbacks a packet costs no memory.
func TestFeedbackAllocatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no time passes
		a, in := newArrivals(), &stream{}
		r := bind(t, a, &told{}, in)
		b := make([]byte, receiveMTU)
		packets := make([][]byte, 2000)
		for n := range packets {
			packets[n] = transportPacket(t, n)
		}
		n := 0
		next := func() {
			in.raw = packets[n]
			a.note(in.raw, time.Now())
			if _, _, err := r.Read(b, nil); err != nil {
				t.Fatal(err)
			}
			n++
		}
		for range 1000 {
			next()
		}
		if allocs := testing.AllocsPerRun(900, next); allocs > 0 {
			t.Errorf("%v allocations for a packet", allocs)
		}
	})
}
