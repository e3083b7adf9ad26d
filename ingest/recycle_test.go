package ingest

import (
	"testing"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

const keyEvery = 100

// pictures returns packets of VP8 in three temporal layers, of a size each. One in
// keyEvery is a key frame of ten times that.
func pictures(t *testing.T, n, size int) []*rtp.Packet {
	t.Helper()
	var all []*rtp.Packet
	for i := range n {
		// A payload descriptor with picture ID, TL0PICIDX and TID (RFC 7741).
		tid := [4]byte{0, 2, 1, 2}[i%4]
		p := []byte{0x90, 0xe0, 0x80 | byte(i>>8)&0x7f, byte(i), byte(i / 4), tid<<6 | 0x20}
		frame := make([]byte, size)
		frame[0] = 0x01 // not a key frame
		if i%keyEvery == 0 {
			frame = make([]byte, 10*size)
			copy(frame, []byte{0x00, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01})
		}
		all = append(all, &rtp.Packet{
			Header:  rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(3000 * i), Marker: true, SSRC: 1},
			Payload: append(p, frame...),
		})
	}
	return all
}

// Once it runs, nothing is allocated for a packet whose unit's memory comes back.
func TestReceiverAllocatesNothing(t *testing.T) {
	codec, err := CodecByMime("video/VP8")
	if err != nil {
		t.Fatal(err)
	}
	const runs = 10
	packets := pictures(t, (runs+2)*keyEvery, 2000)
	r := NewReceiver(ReceiverConfig{Codec: codec})
	var layers Layers
	next, units := 0, 0
	push := func() {
		for range keyEvery {
			r.Push(packets[next], timebase.Ticks(next)*1600)
			next++
			for u, ok := r.Pop(); ok; u, ok = r.Pop() {
				units++
				r.Recycle(u)
			}
			layers = r.LayersIn(layers)
		}
	}
	push()
	if allocs := testing.AllocsPerRun(runs, push); allocs != 0 {
		t.Errorf("%v allocations for %d packets", allocs, keyEvery)
	}
	if units != next || len(layers.Rates) != 3 {
		t.Errorf("%d units of %d packets, %d temporal layers", units, next, len(layers.Rates))
	}
}

// The data of a unit stays as it is until it is given back; then it is another's.
func TestRecycledMemoryIsUsedOnce(t *testing.T) {
	codec, err := CodecByMime("video/VP8")
	if err != nil {
		t.Fatal(err)
	}
	r := NewReceiver(ReceiverConfig{Codec: codec})
	packets := pictures(t, 4, 100)
	pop := func(i int) Unit {
		packets[i].Payload[len(packets[i].Payload)-1] = byte(i)
		r.Push(packets[i], timebase.Ticks(i))
		u, ok := r.Pop()
		if !ok || u.Data[len(u.Data)-1] != byte(i) {
			t.Fatalf("unit %d: %v", i, u)
		}
		return u
	}
	first, kept := pop(0), pop(1)
	r.Recycle(first)
	second, third := pop(2), pop(3)
	if &second.Data[0] != &first.Data[0] || &third.Data[0] == &second.Data[0] || kept.Data[len(kept.Data)-1] != 1 {
		t.Error("memory that was given back is used by none or by two, or memory that was not is")
	}
}
