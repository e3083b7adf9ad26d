package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

const (
	maxDatagram = 8 << 10 // bytes; media come in packets of 1500 at most
	maxNames    = 1024    // of a worker's sessions, the newest
	maxRemotes  = 1024    // addresses of a worker's publishers
	// firstPacket is how long a TCP connection may take to say whose it is.
	firstPacket = 5 * time.Second
	// maxStrangers is how many may take that long at a time.
	maxStrangers = 256
)

// relay shares the server's sockets for media among the workers. Whose a packet is
// follows from the name in the STUN request that comes first from an address: the
// ICE user fragment of an answer that a worker gave.
type relay struct {
	udp *net.UDPConn     // may be nil
	tcp *net.TCPListener // likewise
	log *slog.Logger
	wg  sync.WaitGroup

	mu      sync.Mutex
	names   map[string]*link // by ICE user fragment
	remotes map[netip.AddrPort]*link
}

func newRelay(udp net.PacketConn, tcp net.Listener, log *slog.Logger) (*relay, error) {
	r := &relay{log: log, names: make(map[string]*link), remotes: make(map[netip.AddrPort]*link)}
	var isUDP, isTCP bool
	if r.udp, isUDP = udp.(*net.UDPConn); udp != nil && !isUDP {
		return nil, fmt.Errorf("worker: a %T can't be shared", udp)
	}
	if r.tcp, isTCP = tcp.(*net.TCPListener); tcp != nil && !isTCP {
		return nil, fmt.Errorf("worker: a %T can't be shared", tcp)
	}
	if r.udp != nil {
		r.wg.Go(r.receive)
	}
	if r.tcp != nil {
		r.wg.Go(r.accept)
	}
	return r, nil
}

// shares reports whether there is a socket to share.
func (r *relay) shares() bool { return r.udp != nil || r.tcp != nil }

// addresses returns those of the sockets, empty where there is none.
func (r *relay) addresses() (udp, tcp string) {
	if r.udp != nil {
		udp = r.udp.LocalAddr().String()
	}
	if r.tcp != nil {
		tcp = r.tcp.Addr().String()
	}
	return udp, tcp
}

// claim makes a link the one that packets with a name are for.
func (r *relay) claim(name string, l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name] = l
	if l.names = append(l.names, name); len(l.names) > maxNames {
		delete(r.names, l.names[0])
		l.names = l.names[1:]
	}
}

// serve sends what comes from a worker, until that has ended.
func (r *relay) serve(l *link) {
	if r.udp != nil {
		r.wg.Go(func() { r.send(l) })
	}
}

func (r *relay) send(l *link) {
	b := make([]byte, maxDatagram+maxAddr)
	for {
		n, err := l.udp.Read(b)
		if err != nil {
			return // it is closed
		}
		to, payload, err := cutAddr(b[:n])
		if err == nil {
			_, err = r.udp.WriteToUDPAddrPort(payload, to)
		}
		if errors.Is(err, net.ErrClosed) {
			return
		} // another error is as a packet that is lost
	}
}

// forget closes a link.
func (r *relay) forget(l *link) {
	r.mu.Lock()
	for _, name := range l.names {
		if r.names[name] == l {
			delete(r.names, name)
		}
	}
	l.names = nil
	r.leave(l)
	r.mu.Unlock()
	_ = l.close() // nobody is at the other end
}

// leave forgets the addresses of a link; r.mu is held.
func (r *relay) leave(l *link) {
	for _, remote := range l.remotes {
		if r.remotes[remote] == l {
			delete(r.remotes, remote)
		}
	}
	l.remotes = nil
}

// receive hands on datagrams until the socket is closed.
func (r *relay) receive() {
	b := make([]byte, maxDatagram)
	var message []byte
	for {
		n, from, err := r.udp.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // of an earlier packet that nobody took
		}
		l := r.whose(b[:n], from)
		if l == nil {
			continue
		}
		if message, err = appendAddr(message[:0], from); err == nil {
			l.put(append(message, b[:n]...))
		}
	}
}

// whose returns the link that a datagram is for.
func (r *relay) whose(b []byte, from netip.AddrPort) *link {
	name, named := nameIn(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.remotes[from]
	if !named {
		return known
	}
	l := r.names[name]
	if l == nil || l == known {
		return l
	}
	if len(l.remotes) >= maxRemotes {
		r.leave(l) // who is there says so again within seconds
	}
	l.remotes = append(l.remotes, from)
	r.remotes[from] = l
	return l
}

// nameIn returns whom a STUN request is for: the first part of its user name (RFC
// 8445, section 7.2.2).
func nameIn(b []byte) (string, bool) {
	if !stun.IsMessage(b) {
		return "", false
	}
	m := stun.Message{Raw: b}
	if m.Decode() != nil || m.Type != stun.BindingRequest {
		return "", false
	}
	user, err := m.Get(stun.AttrUsername)
	if err != nil {
		return "", false
	}
	for i, c := range user {
		if c == ':' {
			return string(user[:i]), true
		}
	}
	return string(user), true
}

// accept hands on connections until the socket is closed.
func (r *relay) accept() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	slots := make(chan struct{}, maxStrangers)
	for {
		conn, err := r.tcp.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many files
			r.log.Warn("media over TCP", "error", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close() // one too many
			continue
		}
		r.wg.Go(func() {
			defer func() { <-slots }()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			if err := r.handOver(conn); err != nil {
				r.log.Debug("media over TCP", "from", conn.RemoteAddr(), "error", err)
			}
			_ = conn.Close() // the worker has its own
		})
	}
}

// handOver finds out whose a connection is, by its first packet (RFC 4571), and
// gives it to that worker.
func (r *relay) handOver(conn *net.TCPConn) error {
	if err := conn.SetReadDeadline(time.Now().Add(firstPacket)); err != nil {
		return err
	}
	b := make([]byte, 2, maxDatagram)
	if _, err := io.ReadFull(conn, b); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > maxDatagram-2 {
		return fmt.Errorf("a first packet of %d bytes", n)
	}
	b = b[:2+n]
	if _, err := io.ReadFull(conn, b[2:]); err != nil {
		return err
	}
	name, ok := nameIn(b[2:])
	r.mu.Lock()
	l := r.names[name]
	r.mu.Unlock()
	if !ok || l == nil {
		return errors.New("it is nobody's")
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	f, err := conn.File()
	if err != nil {
		return err
	}
	return errors.Join(l.give(b, f), f.Close())
}

// close closes the sockets and waits until nothing is handed on. All links are
// closed by then.
func (r *relay) close() error {
	var errs []error
	if r.udp != nil {
		errs = append(errs, r.udp.Close())
	}
	if r.tcp != nil {
		errs = append(errs, r.tcp.Close())
	}
	r.wg.Wait()
	return ignore(errors.Join(errs...), net.ErrClosed)
}
