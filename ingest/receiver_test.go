package ingest

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

const ms timebase.Ticks = timebase.Millisecond

// pkt makes a packet of the test stream.
func pkt(seq uint16, ts uint32, marker bool, payload ...byte) *rtp.Packet {
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, SSRC: testSSRC, SequenceNumber: seq, Timestamp: ts, Marker: marker},
		Payload: payload,
	}
}

// drainUnits pops all units and shows their data and losses in short.
func drainUnits(r *Receiver) (out []string) {
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		s := fmt.Sprintf("%d:%x", u.RTP, u.Data)
		if u.Lost > 0 {
			s += fmt.Sprintf(" lost %d", u.Lost)
		}
		out = append(out, s)
	}
	return out
}

func expect[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestAudioOrder(t *testing.T) {
	tests := []struct {
		name string
		seqs []uint16
		want string // payloads, with the losses before them
		st   Stats
	}{
		{"in order over the wrap", []uint16{65534, 65535, 0, 1}, "fe ff 00 01", Stats{}},
		{"swapped", []uint16{1, 3, 2, 4}, "01 02 03 04", Stats{}},
		{"duplicates", []uint16{1, 1, 3, 3, 2, 2}, "01 02 03", Stats{Duplicate: 3}},
		{"lost", []uint16{1, 4, 5}, "01 04-2 05", Stats{Lost: 2, Gaps: 1}},
		{"two gaps", []uint16{1, 3, 6}, "01 03-1 06-2", Stats{Lost: 3, Gaps: 2}},
		{"before the first", []uint16{5, 4, 6}, "05 06", Stats{Late: 1}},
		{"jump forward", []uint16{1, 5000, 5001, 5002}, "01 88 89 8a", Stats{Resyncs: 1}},
		{"jump to the other side", []uint16{0, 32768, 32769}, "00 00 01", Stats{Resyncs: 1}},
		{"jump and gap", []uint16{1, 5000, 5002}, "01 88 8a-1", Stats{Resyncs: 1, Lost: 1, Gaps: 1}},
		{"jump back", []uint16{5000, 1, 2}, "88 01 02", Stats{Resyncs: 1}},
		{"jump with a gap open", []uint16{1, 3, 5000, 5001}, "01 03-1 88 89", Stats{Resyncs: 1, Lost: 1, Gaps: 1}},
		{"stray packets", []uint16{1, 5000, 2, 9000, 12000, 3}, "01 02 03", Stats{Stray: 3}},
		{"longest gap", []uint16{0, 1000, 1}, "00 01 e8-998", Stats{Lost: 998, Gaps: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newReceiver(t, "audio/opus")
			for i, seq := range tt.seqs {
				r.Push(pkt(seq, uint32(i*960), false, byte(seq)), timebase.Ticks(i)*20*ms)
			}
			r.Advance(timebase.Second)
			var got []string
			for u, ok := r.Pop(); ok; u, ok = r.Pop() {
				s := fmt.Sprintf("%02x", u.Data)
				if u.Lost > 0 {
					s += fmt.Sprintf("-%d", u.Lost)
				}
				got = append(got, s)
			}
			expect(t, "units", strings.Join(got, " "), tt.want)
			tt.st.Packets, tt.st.Bytes, tt.st.Units = uint64(len(tt.seqs)), uint64(len(tt.seqs)), uint64(len(got))
			expect(t, "stats", r.Stats(), tt.st)
		})
	}
}

// A gap is as old as the packet that revealed it, even if it is filled in part.
func TestMaxWait(t *testing.T) {
	c, _ := CodecByMime("audio/PCMU")
	r := NewReceiver(ReceiverConfig{Codec: c, MaxWait: 100 * ms})
	r.Push(pkt(1, 0, false, 1), 0)
	r.Push(pkt(5, 640, false, 5), 20*ms)
	r.Push(pkt(3, 320, false, 3), 90*ms)
	r.Advance(119 * ms)
	expect(t, "before", drainUnits(r), []string{"0:01"})
	r.Advance(120 * ms)
	expect(t, "after", drainUnits(r), []string{"320:03 lost 1", "640:05 lost 1"})
	r.Push(pkt(2, 160, false, 2), 130*ms)
	expect(t, "late", r.Stats().Late, 1)
}

// At a high rate more packets come within MaxWait than are held back. A loss is
// then given up earlier, and is no jump.
func TestMaxWaitAtHighRates(t *testing.T) {
	const n = 5000
	for _, lost := range [][]uint16{{100}, {100, 700, 701, 1900}} {
		c, _ := CodecByMime("audio/PCMU")
		r := NewReceiver(ReceiverConfig{Codec: c, MaxWait: 4850 * ms})
		for seq := range uint16(n) {
			if !slices.Contains(lost, seq) {
				r.Push(pkt(seq, uint32(seq), false, 1), timebase.Ticks(seq)*ms/2)
			}
			if r.buf.count > maxJump {
				t.Fatalf("%d packets held back", r.buf.count)
			}
		}
		st := r.Stats()
		expect(t, "units", len(drainUnits(r)), n-len(lost))
		expect(t, "lost", st.Lost, uint64(len(lost)))
		expect(t, "other troubles", st.Resyncs+st.Stray+st.Late, 0)
	}
}

func TestPaddingIsNoGap(t *testing.T) {
	r := newReceiver(t, "video/VP8")
	r.Push(pkt(1, 0, false, append([]byte{0x10}, vp8Key[:8]...)...), 0)
	r.Push(pkt(2, 0, false), 0)
	r.Push(pkt(3, 0, true, append([]byte{0}, vp8Key[8:]...)...), 0)
	r.Push(pkt(4, 0, false), 0)
	r.Push(pkt(5, 3000, true, append([]byte{0x10}, vp8Inter...)...), 0)
	expect(t, "units", drainUnits(r), []string{fmt.Sprintf("0:%x", vp8Key), fmt.Sprintf("3000:%x", vp8Inter)})
	expect(t, "padding", r.Stats().Padding, 2)
}

func TestFramesWithoutMarker(t *testing.T) {
	r := newReceiver(t, "video/VP8")
	r.Push(pkt(1, 0, false, append([]byte{0x10}, vp8Key...)...), 0)
	r.Push(pkt(2, 1, false, append([]byte{0x10}, vp8Inter...)...), 0)
	expect(t, "units", drainUnits(r), []string{fmt.Sprintf("0:%x", vp8Key)})
	r.Push(pkt(3, 2, false, append([]byte{0x10}, vp8Inter...)...), 0)
	expect(t, "units", drainUnits(r), []string{fmt.Sprintf("1:%x", vp8Inter)})
}

func TestArrivalIsThatOfTheFirstPacket(t *testing.T) {
	r := newReceiver(t, "video/VP8")
	r.Push(pkt(0, 0, true), 0)
	r.Push(pkt(2, 9, true, append([]byte{0}, vp8Key[8:]...)...), 50*ms)
	r.Push(pkt(1, 9, false, append([]byte{0x10}, vp8Key[:8]...)...), 70*ms)
	u, _ := r.Pop()
	expect(t, "arrival", u.Arrival, 50*ms)
}

func TestTimestampJumpIsPassedOn(t *testing.T) {
	r := newReceiver(t, "audio/opus")
	for i, ts := range []uint32{1<<32 - 960, 0, 900_000_000, 960} {
		r.Push(pkt(uint16(i), ts, false, byte(i)), 0)
	}
	expect(t, "units", drainUnits(r), []string{
		"4294966336:00", "4294967296:01", "5194967296:02", "4294968256:03",
	})
	expect(t, "sender report", r.Unwrap(961), 1<<32+961)
}

// An old packet with a timestamp to match is a retransmission, however old its
// sequence number, and no restart.
func TestOldRetransmission(t *testing.T) {
	r := newReceiver(t, "audio/opus")
	r.Push(pkt(5000, 5000*960, false, 1), 0)
	r.Push(pkt(3900, 3900*960, false, 2), 0)
	r.Push(pkt(3901, 3901*960, false, 2), 0)
	r.Push(pkt(5001, 5001*960, false, 3), 0)
	st := r.Stats()
	expect(t, "resyncs", st.Resyncs, 0)
	expect(t, "late", st.Late, 2)
	expect(t, "units", st.Units, 2)
}

// A packet older than the memory of what came counts as late.
func TestVeryOldDuplicate(t *testing.T) {
	r := newReceiver(t, "audio/opus")
	for seq := range uint16(1200) {
		r.Push(pkt(seq, uint32(seq)*960, false, 1), 0)
	}
	for _, seq := range []uint16{1199, 200, 100} {
		r.Push(pkt(seq, uint32(seq)*960, false, 1), 0)
	}
	st := r.Stats()
	expect(t, "duplicate", st.Duplicate, 2)
	expect(t, "late", st.Late, 1)
}

// An access unit with a hole is dropped, even if its last part looks whole.
func TestHoleInAccessUnit(t *testing.T) {
	c, _ := CodecByMime("video/H264")
	fmtp := "sprop-parameter-sets=" + base64.StdEncoding.EncodeToString(h264SPS) + "," + base64.StdEncoding.EncodeToString(h264PPS)
	r := NewReceiver(ReceiverConfig{Codec: c, Fmtp: fmtp})
	r.Push(pkt(1, 1, false, unhex("060501")...), 0)
	r.Push(pkt(3, 1, true, unhex("65b811")...), 0)
	r.Advance(timebase.Second)
	expect(t, "units with a hole", len(drainUnits(r)), 0)
	expect(t, "dropped", r.Stats().FramesDropped, 1)
	r.Push(pkt(4, 2, true, unhex("65b811")...), 0)
	expect(t, "whole units", len(drainUnits(r)), 1)
}

func TestSSRCChange(t *testing.T) {
	r := newReceiver(t, "video/VP8")
	push := func(ssrc uint32, seq uint16, frame []byte) {
		p := pkt(seq, 3000*uint32(seq), true, append([]byte{0x10}, frame...)...)
		p.SSRC = ssrc
		r.Push(p, 0)
	}
	push(1, 1, vp8Key)
	push(2, 700, vp8Inter) // a single packet changes nothing
	push(1, 2, vp8Inter)
	push(2, 701, vp8Inter)
	push(2, 702, vp8Inter)
	push(1, 3, vp8Inter)
	if !r.WantKeyFrame(0) {
		t.Error("no key frame wanted")
	}
	push(2, 703, vp8Key)
	push(2, 704, vp8Inter)
	var got []uint32
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		got = append(got, u.SSRC)
	}
	expect(t, "units", got, []uint32{1, 1, 2, 2})
	st := r.Stats()
	expect(t, "changes", st.SSRCChanges, 1)
	expect(t, "freezes", st.Freezes, 1)
}

func TestReset(t *testing.T) {
	r := newReceiver(t, "video/VP8")
	push := func(seq uint16, frame []byte) {
		r.Push(pkt(seq, 3000*uint32(seq), true, append([]byte{0x10}, frame...)...), 0)
	}
	push(1, vp8Key)
	push(3, vp8Inter)
	r.Reset()
	if u, ok := r.Pop(); ok {
		t.Errorf("%v survived", u)
	}
	push(400, vp8Inter)
	if !r.WantKeyFrame(0) {
		t.Error("no key frame wanted")
	}
	push(401, vp8Key)
	expect(t, "units", drainUnits(r), []string{fmt.Sprintf("%d:%x", 401*3000, vp8Key)})
	st := r.Stats()
	expect(t, "lost", st.Lost+st.Gaps+st.Freezes, 0)
}

// What was learned of one sender is not used for another.
func TestSSRCChangeInPause(t *testing.T) {
	r := newReceiver(t, "video/H264")
	idr := unhex("78 0016 SPS 0005 PPS 0003 65b811")
	r.Push(pkt(1, 3_000_000_000, true, idr...), 0)
	r.Push(pkt(2, 3_000_000_001, true, unhex("65b811")...), 0)
	r.Reset()
	p := pkt(9, 5, true, unhex("65b811")...)
	p.SSRC = 9
	r.Push(p, 0)
	expect(t, "units", len(drainUnits(r)), 0)
	p = pkt(10, 6, true, idr...)
	p.SSRC = 9
	r.Push(p, 0)
	u, _ := r.Pop()
	expect(t, "key", u.Key, true)
	expect(t, "time", u.RTP, 6)
	expect(t, "changes", r.Stats().SSRCChanges, 1)
}

func TestWantKeyFrame(t *testing.T) {
	r := newReceiver(t, "video/VP8")
	asked := func(until timebase.Ticks) (at []int) {
		for now := timebase.Ticks(0); now <= until; now += 100 * ms {
			r.Push(pkt(uint16(now/(100*ms)), 0, true), now)
			if r.WantKeyFrame(now) {
				at = append(at, int(now/ms))
			}
		}
		return at
	}
	expect(t, "at the start", asked(16*timebase.Second), []int{0, 500, 1500, 3500, 7500, 11500, 15500})
	r.Reset()
	expect(t, "after a reset", asked(0), []int{0})
	if r.WantKeyFrame(timebase.Second * 100) {
		t.Error("a silent sender is asked again")
	}
	r.Push(pkt(1, 0, true, append([]byte{0x10}, vp8Key...)...), 0)
	expect(t, "with a key frame", asked(timebase.Second), nil)
	if newReceiver(t, "audio/opus").WantKeyFrame(0) {
		t.Error("audio wants a key frame")
	}
}

func TestBounds(t *testing.T) {
	c, _ := CodecByMime("audio/opus")
	r := NewReceiver(ReceiverConfig{Codec: c, MaxBytes: 10_000, MaxWait: timebase.Second})
	r.Push(pkt(0, 0, false, 1), 0)
	for i := range uint16(100) {
		r.Push(pkt(i+2, 0, false, make([]byte, 1000)...), 0)
	}
	if r.buf.bytes > 10_000 || r.queued > 10_000 {
		t.Errorf("%d bytes held back, %d queued", r.buf.bytes, r.queued)
	}
	expect(t, "units that nobody takes", r.Stats().FramesDropped, 92)

	v, _ := CodecByMime("video/VP8")
	r = NewReceiver(ReceiverConfig{Codec: v, MaxFrame: 1000})
	r.Push(pkt(0, 0, false, append([]byte{0x10}, vp8Key...)...), 0)
	for i := range uint16(100) {
		r.Push(pkt(i+1, 0, i == 99, make([]byte, 100)...), 0)
	}
	expect(t, "units", len(drainUnits(r)), 0)
	expect(t, "malformed", r.Stats().Malformed, 1)
	if n := cap(r.video.codec.(*vp8).buf.data); n > 2000 {
		t.Errorf("%d bytes for a frame", n)
	}
}

// The base layer goes on after a loss in a higher layer, which comes back when
// it refers to nothing but the base layer.
func TestTemporalLayers(t *testing.T) {
	frame := func(seq uint16, tid, base byte, sync bool) *rtp.Packet {
		data := vp8Inter
		if seq == 0 {
			data = vp8Key
		}
		y := byte(0)
		if sync {
			y = 0x20
		}
		return pkt(seq, uint32(seq), true, append([]byte{0x90, 0x60, base, tid<<6 | y}, data...)...)
	}
	stream := []*rtp.Packet{
		frame(0, 0, 255, false), frame(1, 2, 255, true), frame(2, 1, 255, true), frame(3, 2, 255, false),
		frame(4, 0, 0, false), frame(5, 2, 0, false), frame(6, 1, 0, true), frame(7, 2, 0, false),
		frame(8, 0, 1, false), frame(9, 2, 1, true), frame(10, 1, 1, false), frame(11, 2, 1, false),
	}
	tests := []struct {
		lost []int
		want []int64
	}{
		{nil, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{[]int{2}, []int64{0, 1, 4, 6, 8, 9, 10, 11}},
		{[]int{3}, []int64{0, 1, 2, 4, 6, 8, 9, 10, 11}},
		{[]int{4}, []int64{0, 1, 2, 3}},
		{[]int{3, 4}, []int64{0, 1, 2}},
		{[]int{5, 6, 7}, []int64{0, 1, 2, 3, 4, 8, 9}},
		{[]int{7, 8, 9, 10}, []int64{0, 1, 2, 3, 4, 5, 6}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.lost), func(t *testing.T) {
			r := newReceiver(t, "video/VP8")
			for i, p := range stream {
				if !slices.Contains(tt.lost, i) {
					r.Push(p, 0)
				}
			}
			r.Advance(timebase.Second)
			var got []int64
			for u, ok := r.Pop(); ok; u, ok = r.Pop() {
				got = append(got, u.RTP)
			}
			expect(t, "frames", got, tt.want)
		})
	}
}

// Proof by a number of eight bits ends where it may have gone round.
func TestTemporalLayersLongLoss(t *testing.T) {
	d := dependency{broken: true}
	base := temporalLayer{known: true, base: 7}
	d.restart(base)
	d.lose(254)
	base.base++
	if !d.admit(base) {
		t.Error("254 lost packets cannot hide 256 base layer frames")
	}
	d.lose(200)
	d.lose(55)
	if !d.broken {
		t.Error("255 lost packets may hide anything")
	}
}

func TestSteadyStateAllocations(t *testing.T) {
	r := newReceiver(t, "audio/opus")
	p := pkt(0, 0, false, 1, 2, 3)
	n := testing.AllocsPerRun(1000, func() {
		q := *p // the one allocation, the sender's
		r.Push(&q, 0)
		r.Pop()
		p.SequenceNumber++
		p.Timestamp += 960
	})
	if n > 1 {
		t.Errorf("%v allocations per packet", n)
	}
}

func BenchmarkReceiver(b *testing.B) {
	for name, s := range streams() {
		b.Run(name, func(b *testing.B) {
			c := clips[s.clip]
			pkts, _ := packetise(c.frames(b), s.cut())
			b.ReportAllocs()
			for b.Loop() {
				r := newReceiver(b, c.mime)
				for _, p := range pkts {
					r.Push(p, 0)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(pkts)), "ns/packet")
		})
	}
}
