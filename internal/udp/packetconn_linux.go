package udp

import (
	"net"

	"golang.org/x/sys/unix"
)

// What follows says the same in the terms of package net.

// ReadFrom implements [net.PacketConn].
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDP(b)
	if err != nil {
		return n, nil, err // a nil of an interface
	}
	return n, from, nil
}

// ReadFromUDP is as that of [net.UDPConn].
func (c *Conn) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadMsgUDP is as that of [net.UDPConn]; there is no control data.
func (c *Conn) ReadMsgUDP(b, _ []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	n, from, err = c.ReadFromUDP(b)
	return n, 0, 0, from, err
}

// Read reads a packet, whoever it is from.
func (c *Conn) Read(b []byte) (int, error) {
	n, _, err := c.ReadFromAddrPort(b)
	return n, err
}

// WriteTo implements [net.PacketConn].
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.local, Addr: to, Err: unix.EINVAL}
	}
	return c.WriteToAddrPort(b, addr.AddrPort())
}

// WriteToUDP is as that of [net.UDPConn].
func (c *Conn) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) {
	return c.WriteToAddrPort(b, to.AddrPort())
}

// WriteMsgUDP is as that of [net.UDPConn], without control data.
func (c *Conn) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if len(oob) > 0 {
		return 0, 0, &net.OpError{Op: "write", Net: "udp", Source: c.local, Addr: to, Err: unix.EOPNOTSUPP}
	}
	n, err = c.WriteToUDP(b, to)
	return n, 0, err
}

// Write fails, as the socket is connected to nothing.
func (c *Conn) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "udp", Source: c.local, Err: unix.EDESTADDRREQ}
}
