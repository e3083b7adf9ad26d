package worker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	maxAddr    = 64      // bytes of an address before a datagram
	linkBuffer = 4 << 20 // bytes that may wait in a link, if the system allows it
)

// link is what a worker has of the server's sockets. Each is a pair of sockets
// that keep messages apart.
type link struct {
	udp, tcp *net.UnixConn // nil where there is no socket
	names    []string      // the relay's lock guards these
	remotes  []netip.AddrPort
}

// newLink makes one for the sockets that there are, and the files for the worker,
// in that order.
func newLink(udp, tcp bool) (l *link, theirs []*os.File, err error) {
	l = &link{}
	for _, s := range []struct {
		wanted bool
		conn   **net.UnixConn
	}{{udp, &l.udp}, {tcp, &l.tcp}} {
		if !s.wanted {
			continue
		}
		conn, far, err := socketPair(unix.SOCK_SEQPACKET)
		if err != nil {
			return nil, nil, errors.Join(err, l.close(), closeFiles(theirs))
		}
		*s.conn = conn.(*net.UnixConn)
		theirs = append(theirs, far)
		for _, fd := range []any{conn, far} {
			widen(fd)
		}
	}
	return l, theirs, nil
}

func closeFiles(files []*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// put sends a message, unless there is no room: the network would lose it as well.
func (l *link) put(message []byte) {
	raw, err := l.udp.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Write(func(fd uintptr) bool {
		_ = unix.Send(int(fd), message, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return true
	})
}

// give sends a connection with what was read of it.
func (l *link) give(first []byte, f *os.File) error {
	if l.tcp == nil {
		return net.ErrClosed
	}
	_, _, err := l.tcp.WriteMsgUnix(first, unix.UnixRights(int(f.Fd())), nil)
	return err
}

func (l *link) close() error {
	var errs []error
	for _, c := range []*net.UnixConn{l.udp, l.tcp} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// appendAddr puts an address before a datagram.
func appendAddr(b []byte, a netip.AddrPort) ([]byte, error) {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	text, err := a.MarshalBinary()
	if err != nil || len(text) > maxAddr-1 {
		return b, fmt.Errorf("worker: address %v: %w", a, err)
	}
	return append(append(b, byte(len(text))), text...), nil
}

func cutAddr(b []byte) (a netip.AddrPort, payload []byte, err error) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return a, nil, errors.New("worker: a datagram without an address")
	}
	n := 1 + int(b[0])
	return a, b[n:], a.UnmarshalBinary(b[1:n])
}

// sharedUDP is the server's socket, seen from a worker.
type sharedUDP struct {
	*net.UnixConn

	addr net.Addr
	in   []byte // one goroutine reads

	mu  sync.Mutex
	out []byte
}

func (c *sharedUDP) LocalAddr() net.Addr { return c.addr }

func (c *sharedUDP) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, err := c.Read(c.in)
		if err != nil {
			return 0, nil, err
		}
		from, payload, err := cutAddr(c.in[:n])
		if err != nil {
			continue
		}
		return copy(p, payload), net.UDPAddrFromAddrPort(from), nil
	}
}

func (c *sharedUDP) WriteTo(p []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("worker: a datagram to a %T", to)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.out, err = appendAddr(c.out[:0], addr.AddrPort()); err != nil {
		return 0, err
	}
	c.out = append(c.out, p...)
	_, err = c.Write(c.out)
	return len(p), err
}

// sharedTCP is the server's listener, seen from a worker.
type sharedTCP struct {
	*net.UnixConn

	addr net.Addr
}

func (l *sharedTCP) Addr() net.Addr { return l.addr }

func (l *sharedTCP) Accept() (net.Conn, error) {
	b, oob := make([]byte, maxDatagram), make([]byte, unix.CmsgSpace(4))
	for {
		n, m, _, _, err := l.ReadMsgUnix(b, oob)
		if err != nil {
			return nil, err
		}
		if n == 0 && m == 0 {
			return nil, net.ErrClosed // the server is gone
		}
		conn, err := connIn(oob[:m])
		if err == nil {
			return &begunConn{conn, append([]byte(nil), b[:n]...)}, nil
		}
	}
}

// connIn returns the connection that came with a message.
func connIn(oob []byte) (net.Conn, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("worker: no connection: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("worker: no connection: %w", err)
	}
	f := os.NewFile(uintptr(fds[0]), "media")
	conn, err := net.FileConn(f)
	return conn, errors.Join(err, f.Close())
}

// begunConn is a connection of which something was read already.
type begunConn struct {
	net.Conn

	begin []byte
}

func (c *begunConn) Read(p []byte) (int, error) {
	if len(c.begin) > 0 {
		n := copy(p, c.begin)
		c.begin = c.begin[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
