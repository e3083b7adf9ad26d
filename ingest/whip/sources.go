package whip

import (
	"io"
	"sync"

	"github.com/pion/transport/v5/packetio"
)

const (
	// maxSources is how many synchronization sources a session may have, of RTP
	// and of RTCP: three layers of a simulcast in each media section, with their
	// retransmissions. The stack keeps something for each that it ever saw.
	maxSources = 6 * maxSections
	// What may wait to be read of a source, in bytes: 100 ms at 50 Mbit/s.
	mediaBacklog   = 640 << 10
	controlBacklog = 64 << 10
)

// sources makes the buffers of a session's streams, and bounds them.
type sources struct {
	tooMany func() // must not block

	mu     sync.Mutex
	counts map[packetio.BufferPacketType]int
}

// buffer is a BufferFactory of the stack.
func (s *sources) buffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[packetio.BufferPacketType]int)
	}
	s.counts[kind]++
	b := sourceBuffer{packetio.NewBuffer()}
	switch {
	case s.counts[kind] > maxSources:
		b.SetLimitSize(1)
		s.tooMany()
	case kind == packetio.RTPBufferPacket:
		b.SetLimitSize(mediaBacklog)
	default:
		b.SetLimitSize(controlBacklog)
	}
	return b
}

// sourceBuffer is a buffer of packets as the stack wants it.
type sourceBuffer struct{ *packetio.Buffer }

func (b sourceBuffer) Read(p []byte) (int, error) {
	n, _, err := b.Buffer.Read(p, nil)
	return n, err
}

func (b sourceBuffer) Write(p []byte) (int, error) { return b.Buffer.Write(p, nil) }

// ReadWithAttributes and WriteWithAttributes keep what comes with a packet, such
// as its time of arrival.
func (b sourceBuffer) ReadWithAttributes(p []byte, a packetio.Attributes) (int, packetio.Attributes, error) {
	return b.Buffer.Read(p, a)
}

func (b sourceBuffer) WriteWithAttributes(p []byte, a packetio.Attributes) (int, error) {
	return b.Buffer.Write(p, a)
}
