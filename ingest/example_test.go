package ingest_test

import (
	"fmt"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// Packets go in as they come, units come out in order.
func ExampleReceiver() {
	codec, err := ingest.CodecByMime("audio/opus")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := ingest.NewReceiver(ingest.ReceiverConfig{Codec: codec})
	for i, seq := range []uint16{100, 102, 101, 105} {
		p := &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(seq-100) * 960}}
		p.Payload = []byte{byte(seq)}
		r.Push(p, timebase.Ticks(i)*20*timebase.Millisecond)
	}
	r.Advance(timebase.Second)
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		fmt.Printf("%d at %d after %d lost\n", u.Data, u.RTP, u.Lost)
	}
	// Output:
	// [100] at 0 after 0 lost
	// [101] at 960 after 0 lost
	// [102] at 1920 after 0 lost
	// [105] at 4800 after 2 lost
}

func ExampleTrackInfo_Normalise() {
	t := ingest.TrackInfo{Participant: ingest.Participant{ID: "ann"}, MimeType: "video/vp8", Role: ingest.Screen}
	fmt.Println(t.Normalise())
	fmt.Println(t.ID, t.MimeType, t.ClockRate)
	// Output:
	// <nil>
	// screen/video video/VP8 90000
}
