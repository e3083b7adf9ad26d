package callreel

import (
	"testing"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// unlimited returns a conversation whose participants keep to all limits.
func unlimited() *Conversation {
	return &Conversation{eng: &Engine{cfg: Config{Limits: Limits{Packets: maxBitRate, BitRate: maxBitRate}}}}
}

// What came before a pause is not lost because it waits for a packet that did not.
func TestDrainGivesUpGaps(t *testing.T) {
	codec, err := ingest.CodecByMime("audio/opus")
	if err != nil {
		t.Fatal(err)
	}
	m := newMember(ingest.Participant{ID: "ann"}, 0, gate{from: 0, until: never})
	l := &layer{
		member: m, conv: unlimited(), codec: codec, track: &track{ended: never}, clock: m.sync.NewMap(48000),
		receiver: ingest.NewReceiver(ingest.ReceiverConfig{Codec: codec}),
	}
	f := feed{layer: l}
	for i := range timebase.Ticks(5) {
		p := &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i * 960)}, Payload: []byte{1}}
		if i == 2 {
			continue
		}
		if _, _, err := l.write(p, i*960); err != nil {
			t.Fatal(err)
		}
	}
	f.drain()
	if len(f.queue) != 4 {
		t.Errorf("%d units, want 4", len(f.queue))
	}
}
