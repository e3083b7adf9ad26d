package whip

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// What is reported is that of the examples in RFC 3550, appendix A.
func TestReception(t *testing.T) {
	begin := time.Now()
	r := newReception(7, 48000)
	if _, ok := r.block(begin); ok {
		t.Error("a report of nothing")
	}
	seq, at := uint16(65500), begin
	send := func(late time.Duration) {
		r.packet(&rtp.Header{SequenceNumber: seq, Timestamp: uint32(seq) * 960}, at.Add(late))
		seq, at = seq+1, at.Add(20*time.Millisecond)
	}
	lose := func() { seq, at = seq+1, at.Add(20*time.Millisecond) }
	report := func() rtcp.ReceptionReport {
		b, ok := r.block(at)
		if !ok || b.SSRC != 7 {
			t.Fatalf("%+v, %v", b, ok)
		}
		return b
	}
	for range 60 { // beyond the wrap, from which on RTP time steps too
		send(0)
	}
	b := report()
	if b.LastSequenceNumber != 1<<16+23 || b.TotalLost != 0 || b.FractionLost != 0 || b.LastSenderReport != 0 || b.Delay != 0 {
		t.Errorf("%+v", b)
	}
	for range 30 {
		send(0)
		lose()
		send(0)
		send(0)
	}
	if b := report(); b.TotalLost != 30 || b.FractionLost != 64 {
		t.Errorf("%d lost, %d/256, want 30 of 120", b.TotalLost, b.FractionLost)
	}
	for i := range 400 {
		send(time.Duration(i%2) * 10 * time.Millisecond)
	}
	if b := report(); b.TotalLost != 30 || b.FractionLost != 0 || b.Jitter < 470 || b.Jitter > 490 {
		t.Errorf("%d lost, %d/256, jitter %d, want 480", b.TotalLost, b.FractionLost, b.Jitter)
	}
	r.sender(&rtcp.SenderReport{NTPTime: 0x1111222233334444}, at.Add(-500*time.Millisecond))
	if b := report(); b.LastSenderReport != 0x22223333 || b.Delay != 32768 {
		t.Errorf("%x, %d", b.LastSenderReport, b.Delay)
	}
}

func TestReceptionJumps(t *testing.T) {
	r := newReception(7, 48000)
	push := func(seqs ...uint16) {
		for _, s := range seqs {
			r.packet(&rtp.Header{SequenceNumber: s}, time.Now())
		}
	}
	push(100, 101, 30000, 102, 103)
	if b, _ := r.block(time.Now()); b.LastSequenceNumber != 103 || b.TotalLost != 0 {
		t.Errorf("%+v after a stray packet", b)
	}
	push(30000, 30001, 30002)
	if b, _ := r.block(time.Now()); b.LastSequenceNumber != 30002 || b.TotalLost != 0 {
		t.Errorf("%+v after a new beginning", b)
	}
	push(30001, 30002, 30001) // more than there should be
	if b, _ := r.block(time.Now()); b.LastSequenceNumber != 30002 || b.TotalLost != 0 || b.FractionLost != 0 {
		t.Errorf("%+v after repetitions", b)
	}
}

// What is on its way through the stack keeps its date, whatever comes meanwhile.
func TestArrivals(t *testing.T) {
	a := newArrivals()
	now := time.Now()
	at := func(i int) time.Time { return now.Add(-time.Duration(i) * time.Millisecond) }
	packets := map[uint64]time.Time{}
	for ssrc := range uint32(20) {
		for i := range 20 {
			h := rtp.Header{Version: 2, SSRC: ssrc * 0x1234567, SequenceNumber: uint16(65530 + i), PayloadType: 96, Marker: i%2 == 0}
			raw, err := h.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			a.note(raw, at(i))
			packets[rtpKey(h.SSRC, h.SequenceNumber)] = at(i)
		}
		sr, err := (&rtcp.SenderReport{SSRC: ssrc * 0x1234567}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		a.note(sr, at(30))
		packets[rtcpKey(ssrc*0x1234567)] = at(30)
	}
	for key, want := range packets {
		if got := a.of(key, now); !got.Equal(want) {
			t.Errorf("%x came %v before, want %v", key, now.Sub(got), now.Sub(want))
		}
	}
	if got := a.of(rtpKey(99, 1), now); !got.Equal(now) {
		t.Errorf("an unknown packet came %v before", now.Sub(got))
	}
	long := now.Add(2 * maxTransit)
	if got := a.of(rtpKey(0x1234567, 65530), long); !got.Equal(long) {
		t.Errorf("a packet came %v before", long.Sub(got))
	}
	a.note([]byte{22, 254, 253}, now) // DTLS
}
