package whip

import (
	"net"

	"github.com/callreel/callreel/internal/udp"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// sockets are those of all sessions.
type sockets struct{ poller *udp.Poller }

func newSockets() (sockets, error) {
	p, err := udp.NewPoller()
	return sockets{p}, err
}

func (s sockets) close() error { return s.poller.Close() }

// network is that of a session, as the stack wants it.
func (s sockets) network(a *arrivals) (transport.Net, error) {
	n, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return &pollNet{Net: n, poller: s.poller, seen: a.note}, nil
}

// share takes the place of a socket, if it is one of the system's.
func (s sockets) share(c net.PacketConn, a *arrivals) (net.PacketConn, error) {
	u, ok := c.(*net.UDPConn)
	if !ok {
		return c, nil
	}
	shared, err := s.poller.Adopt(u, a.note)
	if err != nil {
		return nil, err // a nil of an interface
	}
	return shared, nil
}

// pollNet opens sockets that are read together.
type pollNet struct {
	*stdnet.Net

	poller *udp.Poller
	seen   udp.Seen
}

// ListenUDP implements transport.Net.
func (n *pollNet) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.poller.Listen(network, local, n.seen)
	if err != nil {
		return nil, err // a nil of an interface
	}
	return c, nil
}
