package udp

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many packets are read at once.
	batchSize = 16
	// maxPacket is how large they may be, in bytes. No path of the internet has
	// larger ones; what is cut fails its authentication.
	maxPacket = 2048
	// maxAge is how old a packet can be when it is read. Beyond it the system's
	// clock was set.
	maxAge = time.Second
)

// batch is what one call reads. Only its own memory is in its pointers.
type batch struct {
	messages [batchSize]unix.Mmsghdr
	vectors  [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrInet6 // the larger of the two that there are
	control  [batchSize][64]byte
	data     [batchSize][maxPacket]byte

	next, filled int
	now          time.Time // when it was read
}

func newBatch() *batch {
	b := new(batch)
	for i := range b.messages {
		h := &b.messages[i].Hdr
		b.vectors[i].Base = &b.data[i][0]
		b.vectors[i].SetLen(maxPacket)
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Control = &b.control[i][0]
	}
	return b
}

// receive reads what has come on a socket, without waiting.
func (b *batch) receive(fd int) {
	for i := range b.messages { // the kernel has written into them
		h := &b.messages[i].Hdr
		h.Namelen = uint32(unsafe.Sizeof(b.names[i]))
		h.SetControllen(len(b.control[i]))
	}
	// As in look, the scheduler need not know of it.
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages)), batchSize, unix.MSG_DONTWAIT, 0, 0)
	b.next, b.filled, b.now = 0, int(n), time.Now()
	if errno != 0 {
		b.filled = 0
	}
}

// packet returns the next one, whose memory is the batch's.
func (b *batch) packet() (data []byte, from netip.AddrPort, at time.Time) {
	i := b.next
	b.next++
	m := &b.messages[i]
	return b.data[i][:min(m.Len, maxPacket)], address(&b.names[i]), b.date(b.control[i][:m.Hdr.Controllen])
}

// address returns that of a packet, without its zone.
func address(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := name.Port // in the order of the network
	p := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&port))[:])
	if name.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), p)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), p)
}

// date returns when a packet came, by what the kernel says of it.
func (b *batch) date(control []byte) time.Time {
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16 {
			seconds, nanos := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
			age := time.Duration(b.now.UnixNano() - int64(seconds)*int64(time.Second) - int64(nanos))
			if age >= 0 && age <= maxAge {
				return b.now.Add(-age)
			}
		}
		control = rest
	}
	return b.now
}
