package whip

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"

	"github.com/callreel/callreel/ingest"
)

// taken counts what a sink gets.
type taken struct{ packets, bytes int }

func (t *taken) WriteRTP(p *rtp.Packet, _ time.Time) error {
	t.packets++
	t.bytes += len(p.Payload)
	return nil
}

func (t *taken) WriteRTCP([]rtcp.Packet, time.Time) error { return nil }
func (t *taken) Close() error                             { return nil }

func vp8Payloads() payloadMap {
	return payloadMap{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, PayloadType: 96},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, SDPFmtpLine: "apt=96"}, PayloadType: 97},
	}
}

// What waits in a buffer comes before what is handed on, and nobody reads either.
func TestDivert(t *testing.T) {
	s := &sources{}
	b := s.buffer(packetio.RTPBufferPacket, 5).(*source)
	if s.find(5) != b || s.find(6) != nil {
		t.Fatal("the buffer is not found")
	}
	var got []byte
	take := func(p []byte) { got = append(got, p...) }
	for i := range byte(3) {
		if _, err := b.Write([]byte{i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.divert(take); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if want := []byte{0, 1, 2, 3}; !bytes.Equal(got, want) || b.Count() > 0 {
		t.Errorf("%v, want %v; %d wait to be read", got, want, b.Count())
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	<-b.closed
	if _, err := b.Write([]byte{4}); err == nil || len(got) > 4 {
		t.Errorf("%v after the end, %v", got, err)
	}
}

func TestRetransmittedPacket(t *testing.T) {
	const media, rtx = 0x11111111, 0x22222222
	packet := func(pt uint8, ssrc uint32, seq uint16, payload []byte) *rtp.Packet {
		p := &rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, PayloadType: pt, SSRC: ssrc, SequenceNumber: seq, Timestamp: 77}, Payload: payload}
		if err := p.SetExtension(3, []byte{1, 2}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	raw := func(p *rtp.Packet) []byte {
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	payload := bytes.Repeat([]byte{1, 2, 3}, 100)
	again := packet(97, rtx, 9, append(binary.BigEndian.AppendUint16(nil, 4321), payload...))
	if got, want := vp8Payloads().retransmitted(raw(again), media), raw(packet(96, media, 4321, payload)); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	again.Padding, again.PaddingSize = true, 20
	var p rtp.Packet
	if err := p.Unmarshal(vp8Payloads().retransmitted(raw(again), media)); err != nil || !bytes.Equal(p.Payload, payload) {
		t.Errorf("%v, %v", p, err)
	}
	again.Payload = nil
	strange := packet(98, rtx, 9, payload)
	for _, b := range [][]byte{raw(again), raw(strange), raw(packet(97, rtx, 9, []byte{1})), {1, 2}, nil} {
		if got := vp8Payloads().retransmitted(b, media); got != nil {
			t.Errorf("%x is taken out of %x", got, b)
		}
	}
}

// BenchmarkReceive is what a packet costs from when it is decrypted until the sink
// has it. The sink keeps it, so its memory is new: the packet and what it holds.
func BenchmarkReceive(b *testing.B) {
	a := newArrivals()
	f := newFeedback(a)
	f.writer = &told{}
	ctx, cancel := context.WithCancelCause(b.Context())
	defer cancel(nil)
	x := &session{server: &Server{arrivals: a}, sources: &sources{}, feedback: f, ctx: ctx}
	in := &inbound{session: x, track: &webrtc.TrackRemote{}, payloads: vp8Payloads(), codec: vp8Payloads()[0]}
	w := &taken{}
	writer := ingest.Writer(w)
	in.writer.Store(&writer)
	own := x.sources.buffer(packetio.RTPBufferPacket, 0).(*source)
	if err := in.divert(own); err != nil {
		b.Fatal(err)
	}
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96}, Payload: make([]byte, 1100)}
	if err := p.SetExtension(3, []byte{1, 2}); err != nil {
		b.Fatal(err)
	}
	raw, err := p.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	n := 0
	for b.Loop() {
		n++
		binary.BigEndian.PutUint16(raw[2:], uint16(n))
		a.note(raw, time.Now())
		if _, err := own.Write(raw); err != nil {
			b.Fatal(err)
		}
	}
	if w.packets != n || w.bytes != n*len(p.Payload) {
		b.Errorf("%d packets of %d", w.packets, n)
	}
}
