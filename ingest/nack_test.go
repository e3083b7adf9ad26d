package ingest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

// asks runs a receiver in which packet 2 is missing from 20 ms on, and returns
// when, in ms, it is asked for.
func asks(r *Receiver, until timebase.Ticks) (at []int) {
	r.Push(pkt(1, 0, true, 1), 0)
	for now := timebase.Ticks(20 * ms); now < until; now += 5 * ms {
		if (now-20*ms)%(20*ms) == 0 {
			r.Push(pkt(uint16(3+(now-20*ms)/(20*ms)), uint32(now/ms)*48, true, 1), now)
		}
		if len(r.WantPackets(now, nil)) > 0 {
			at = append(at, int(now/ms))
		}
	}
	return at
}

func TestWantPacketsTimes(t *testing.T) {
	tests := []struct {
		wait timebase.Ticks
		want []int
	}{
		{100 * ms, []int{45, 105}},
		{300 * ms, []int{45, 105, 225}},
		{850 * ms, []int{45, 105, 225, 425, 625, 825}},
		{4850 * ms, []int{45, 105, 225, 425, 625, 825, 1025, 1225, 1425, 1625}},
		{30 * ms, nil},
		{20 * ms, nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.wait/ms), func(t *testing.T) {
			c, _ := CodecByMime("audio/opus")
			r := NewReceiver(ReceiverConfig{Codec: c, MaxWait: tt.wait})
			got := asks(r, 6*timebase.Second)
			expect(t, "asked at", got, tt.want)
			st := r.Stats()
			expect(t, "asked", st.Asked, uint64(min(len(tt.want), 1)))
			expect(t, "lost", st.Lost, 1)
		})
	}
}

func TestWantPackets(t *testing.T) {
	tests := []struct {
		name     string
		seqs     []uint16
		want     []uint16 // at 100 ms
		then     []uint16 // packets that come next
		wantThen []uint16 // at 200 ms
		repaired uint64
	}{
		{"none missing", []uint16{1, 2, 3}, nil, nil, nil, 0},
		{"reordered in time", []uint16{1, 3, 2}, nil, nil, nil, 0},
		{"two gaps over the wrap", []uint16{65533, 65535, 2}, []uint16{65534, 0, 1}, []uint16{0}, []uint16{65534, 1}, 1},
		{"before the start", []uint16{5, 3, 6}, nil, nil, nil, 0},
		{"repaired", []uint16{1, 3}, []uint16{2}, []uint16{2, 2}, nil, 1},
		{"a jump is no gap", []uint16{1, 2000, 2001, 2003}, []uint16{2002}, nil, []uint16{2002}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := CodecByMime("audio/opus")
			r := NewReceiver(ReceiverConfig{Codec: c, MaxWait: timebase.Second})
			for _, seq := range tt.seqs {
				r.Push(pkt(seq, uint32(seq)*960, false, 1), 0)
			}
			expect(t, "before", r.WantPackets(24*ms, nil), nil)
			expect(t, "wanted", r.WantPackets(100*ms, nil), tt.want)
			expect(t, "at once again", r.WantPackets(101*ms, nil), nil)
			for _, seq := range tt.then {
				r.Push(pkt(seq, uint32(seq)*960, false, 1), 110*ms)
			}
			expect(t, "wanted then", r.WantPackets(200*ms, nil), tt.wantThen)
			st := r.Stats()
			expect(t, "repaired", st.Repaired, tt.repaired)
			expect(t, "asked", st.Asked, uint64(len(tt.want)))
			r.Reset()
			expect(t, "after a reset", r.WantPackets(400*ms, nil), nil)
		})
	}
}

// A wide gap is asked for in portions, in the caller's buffer.
func TestWantPacketsPortions(t *testing.T) {
	c, _ := CodecByMime("audio/opus")
	r := NewReceiver(ReceiverConfig{Codec: c, MaxWait: timebase.Second})
	r.Push(pkt(0, 0, false, 1), 0)
	r.Push(pkt(301, 960, false, 1), 0)
	dst := []uint16{7}
	for _, want := range []int{64, 64, 64, 64, 44, 0} {
		got := r.WantPackets(30*ms, dst)
		expect(t, "wanted", len(got)-1, want)
		if !slices.IsSorted(got[1:]) {
			t.Errorf("unsorted: %v", got)
		}
	}
	expect(t, "asked", r.Stats().Asked, 300)
}

// Redundancy comes before requests, and what it restored counts as neither.
func TestWantPacketsAfterRED(t *testing.T) {
	plain := talk(4)
	r := newRecoverer(t, "audio/opus", opusRED)
	r.Push(redPacket(plain, 0, 1), 0)
	r.Push(redPacket(plain, 2, 1), 0)
	expect(t, "wanted", r.WantPackets(100*ms, nil), nil)
	st := r.Stats()
	expect(t, "recovered", st.Recovered, 1)
	expect(t, "asked", st.Asked+st.Repaired, 0)
}

// Video that waits for long goes on with a key frame, unless the loss may be harmless.
func TestKeyFrameForOldGap(t *testing.T) {
	vp8 := func(layers bool, frame []byte) []byte {
		if layers {
			return append([]byte{0x90, 0x60, 0, 0x20}, frame...) // L and T
		}
		return append([]byte{0x10}, frame...)
	}
	for _, layers := range []bool{false, true} {
		c, _ := CodecByMime("video/VP8")
		r := NewReceiver(ReceiverConfig{Codec: c, MaxWait: 850 * ms})
		r.Push(pkt(1, 0, true, vp8(layers, vp8Key)...), 0)
		r.Push(pkt(3, 6000, true, vp8(layers, vp8Inter)...), 20*ms)
		for now := timebase.Ticks(20 * ms); now < 850*ms; now += 10 * ms {
			if asked, want := r.WantKeyFrame(now), now == 420*ms && !layers; asked != want {
				t.Errorf("layers %v: at %d ms: asked %v", layers, now/ms, asked)
			}
		}
	}
}
