//go:build !linux

package whip

import (
	"net"

	"github.com/pion/transport/v5"
)

// sockets are those of package net.
type sockets struct{}

func newSockets() (sockets, error) { return sockets{}, nil }

func (sockets) close() error { return nil }

// network leaves it to the stack.
func (sockets) network(*arrivals) (transport.Net, error) { return nil, nil }

func (sockets) share(c net.PacketConn, _ *arrivals) (net.PacketConn, error) { return c, nil }
