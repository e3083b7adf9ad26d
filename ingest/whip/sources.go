package whip

import (
	"io"
	"sync"
	"sync/atomic"

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
	media  map[uint32]*source // by SSRC
}

// buffer is a BufferFactory of the stack.
func (s *sources) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts, s.media = make(map[packetio.BufferPacketType]int), make(map[uint32]*source)
	}
	s.counts[kind]++
	b := &source{Buffer: packetio.NewBuffer(), closed: make(chan struct{})}
	switch {
	case s.counts[kind] > maxSources:
		b.SetLimitSize(1)
		s.tooMany()
	case kind == packetio.RTPBufferPacket:
		b.SetLimitSize(mediaBacklog)
		s.media[ssrc] = b
	default:
		b.SetLimitSize(controlBacklog)
	}
	return b
}

// find returns the buffer of a stream, nil if there is none yet.
func (s *sources) find(ssrc uint32) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.media[ssrc]
}

// source is the buffer of a stream as the stack wants it. From divert on it is none:
// the goroutine that decrypts the packets of a connection hands them on itself, and
// wakes nobody to read them. The stack's readers then wait until it is closed.
type source struct {
	*packetio.Buffer

	reads  atomic.Int64  // that have begun
	closed chan struct{} // by Close

	mu   sync.Mutex
	take func(packet []byte) // nil until diverted; it may not keep the packet
}

// divert hands what waits to be read, and from then on what comes, to take.
func (b *source) divert(take func(packet []byte)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	packet := make([]byte, receiveMTU)
	for b.Count() > 0 {
		n, _, err := b.Buffer.Read(packet, nil)
		if err != nil {
			return err
		}
		take(packet[:n])
	}
	b.take = take
	return nil
}

func (b *source) Read(p []byte) (int, error) {
	n, _, err := b.ReadWithAttributes(p, nil)
	return n, err
}

func (b *source) Write(p []byte) (int, error) { return b.WriteWithAttributes(p, nil) }

// ReadWithAttributes and WriteWithAttributes keep what comes with a packet.
func (b *source) ReadWithAttributes(p []byte, a packetio.Attributes) (int, packetio.Attributes, error) {
	b.reads.Add(1)
	return b.Buffer.Read(p, a)
}

func (b *source) WriteWithAttributes(p []byte, a packetio.Attributes) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.take != nil {
		b.take(p)
		return len(p), nil
	}
	return b.Buffer.Write(p, a)
}

// Close ends the stream. It may be called again.
func (b *source) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take = nil
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return b.Buffer.Close()
}
