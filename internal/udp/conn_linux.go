package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/pion/transport/v5/deadline"
	"golang.org/x/sys/unix"
)

// receiveBuffer is what may wait in the kernel, in bytes with what it needs for
// each packet itself. It gives as much as the system allows.
const receiveBuffer = 1 << 20

// Conn is a socket. One goroutine may read at a time. It is a UDPConn of
// pion/transport, and reads and writes without allocating as pion/ice prefers.
type Conn struct {
	poller *Poller
	local  net.Addr
	ipv4   bool
	seen   Seen
	ready  chan struct{} // something has come

	reads  *deadline.Deadline
	closed chan struct{}

	mu sync.RWMutex // fd is open while it is held, unless closed
	fd int

	batch *batch // what is not read yet; nil if that is nothing
	zone  zone
}

// zone is the scope that was looked up last.
type zone struct {
	id   uint32
	name string
}

func newConn(p *Poller, fd int, local net.Addr, seen Seen) (*Conn, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	_, ipv4 := name.(*unix.SockaddrInet4)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
		return nil, err
	}
	return &Conn{
		poller: p, local: local, ipv4: ipv4, seen: seen, fd: fd,
		ready: make(chan struct{}, 1), closed: make(chan struct{}), reads: deadline.New(),
	}, nil
}

// Close closes the socket. Reads that are under way fail with [net.ErrClosed].
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		return net.ErrClosed
	}
	close(c.closed)
	c.poller.remove(c)
	return unix.Close(c.fd)
}

func (c *Conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// ReadFromAddrPort reads a packet.
func (c *Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for c.batch == nil {
		select {
		case <-c.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case <-c.reads.Done():
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case <-c.ready:
			c.batch = c.poller.spare.Get().(*batch)
			c.fill()
		}
	}
	data, from, at := c.batch.packet()
	if c.seen != nil {
		c.seen(data, at)
	}
	n := copy(b, data)
	if from.Addr().IsLinkLocalUnicast() && from.Addr().Is6() {
		from = c.zoned(from)
	}
	if c.batch.next == c.batch.filled {
		c.fill()
	}
	return n, from, nil
}

// fill reads the next batch, and gives its memory back if there is none.
func (c *Conn) fill() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if more := c.batch.filled == 0 || c.batch.filled == batchSize; more && !c.isClosed() {
		c.batch.receive(c.fd)
	} else {
		c.batch.filled = 0
	}
	if c.batch.filled == 0 {
		c.batch.next = 0
		c.poller.spare.Put(c.batch)
		c.batch = nil
	}
}

// zoned names the zone of an address of the link that its packet came by.
func (c *Conn) zoned(a netip.AddrPort) netip.AddrPort {
	id := c.batch.names[c.batch.next-1].Scope_id
	if id != c.zone.id {
		c.zone = zone{id, strconv.Itoa(int(id))}
		if i, err := net.InterfaceByIndex(int(id)); err == nil {
			c.zone.name = i.Name
		}
	}
	return netip.AddrPortFrom(a.Addr().WithZone(c.zone.name), a.Port())
}

// WriteToAddrPort sends a packet. What there is no room for is lost, as it would
// be in the network.
func (c *Conn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.isClosed() {
		return 0, net.ErrClosed
	}
	var name unix.Sockaddr
	if c.ipv4 {
		name = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
	} else {
		name = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16(), ZoneId: zoneID(to.Addr().Zone())}
	}
	err := unix.Sendto(c.fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, name)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.local, Addr: net.UDPAddrFromAddrPort(to), Err: os.NewSyscallError("sendto", err)}
	}
	return len(b), nil
}

func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	id, _ := strconv.ParseUint(zone, 10, 32) // none is 0
	return uint32(id)
}

// LocalAddr returns the socket's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns nil, as the socket is connected to nothing.
func (c *Conn) RemoteAddr() net.Addr { return nil }

// SetDeadline sets that of reading, as writing does not wait.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline sets when reading fails with [os.ErrDeadlineExceeded].
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.reads.Set(t)
	return nil
}

// SetWriteDeadline does nothing, as writing does not wait.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer asks the kernel to keep so much.
func (c *Conn) SetReadBuffer(bytes int) error { return c.set(unix.SO_RCVBUF, bytes) }

// SetWriteBuffer asks the kernel to let so much wait to be sent.
func (c *Conn) SetWriteBuffer(bytes int) error { return c.set(unix.SO_SNDBUF, bytes) }

func (c *Conn) set(option, value int) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.isClosed() {
		return net.ErrClosed
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, option, value))
}
