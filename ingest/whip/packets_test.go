package whip

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

// Packets have nothing to do with each other, and what is appended to one does not
// get into the next. They are allocated many at a time.
func TestPackets(t *testing.T) {
	const n, size, most = 160, 1000, 0.25 * 160 // allocations
	var in [n][]byte
	for i := range in {
		p := rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: uint16(i), SSRC: 7},
			Payload: bytes.Repeat([]byte{byte(i)}, size),
		}
		for id := uint8(1); id <= 4; id++ {
			if err := p.SetExtension(id, []byte{byte(i), id}); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if in[i], err = p.Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	var made packets
	var out [n]*rtp.Packet
	read := func() {
		for i, raw := range in {
			p, err := made.read(raw)
			if err != nil {
				t.Fatal(err)
			}
			out[i] = p
		}
	}
	if got := testing.AllocsPerRun(10, read); got > most {
		t.Errorf("%v allocations for %d packets", got, n)
	}
	for i := range in {
		clear(in[i])
		_ = append(out[i].Payload, 0xff)
	}
	for i, p := range out {
		want := bytes.Repeat([]byte{byte(i)}, size)
		if p.SequenceNumber != uint16(i) || !bytes.Equal(p.Payload, want) || !bytes.Equal(p.GetExtension(4), []byte{byte(i), 4}) {
			t.Errorf("packet %d: %v", i, p)
		}
	}
	if _, err := made.read([]byte{0}); err == nil {
		t.Error("a byte is a packet")
	}
	large := append(bytes.Clone(in[0]), make([]byte, 2*bytesAtOnce)...)
	large[0] = 2 << 6
	if p, err := made.read(large); err != nil || len(p.Payload) < 2*bytesAtOnce {
		t.Errorf("%v, %v", p, err)
	}
}
