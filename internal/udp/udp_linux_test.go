package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5"
	"go.uber.org/goleak"
)

var (
	_ transport.UDPConn        = (*Conn)(nil)
	_ ice.AddrPortReaderWriter = (*Conn)(nil)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newPoller(tb testing.TB) *Poller {
	tb.Helper()
	p, err := NewPoller()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// open returns a polled socket and one of package net that sends to it.
func open(tb testing.TB, p *Poller, network, ip string, seen Seen) (*Conn, *net.UDPConn) {
	tb.Helper()
	c, err := p.Listen(network, &net.UDPAddr{IP: net.ParseIP(ip)}, seen)
	if err != nil {
		tb.Skip(err) // no such network
	}
	u, err := net.DialUDP(network, nil, c.LocalAddr().(*net.UDPAddr))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := errors.Join(c.Close(), u.Close()); err != nil {
			tb.Error(err)
		}
	})
	return c, u
}

// What is sent is read, in order, with the address that answers go to and the time
// at which it came.
func TestPackets(t *testing.T) {
	p := newPoller(t)
	for network, ip := range map[string]string{"udp4": "127.0.0.1", "udp6": "::1"} {
		t.Run(network, func(t *testing.T) {
			var came []time.Time
			c, u := open(t, p, network, ip, func(_ []byte, at time.Time) { came = append(came, at) })
			dated(t, c, u, &came)
			const count = 3*batchSize + 5
			var sent []time.Time
			for i := range count {
				sent = append(sent, time.Now())
				if _, err := u.Write(binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
					t.Fatal(err)
				}
			}
			last := time.Now()
			b := make([]byte, 100)
			for i := range count {
				n, from, err := c.ReadFromAddrPort(b)
				if err != nil || n != 4 || binary.BigEndian.Uint32(b) != uint32(i) {
					t.Fatalf("%x, %v, want packet %d", b[:n], err, i)
				}
				if want := u.LocalAddr().(*net.UDPAddr).AddrPort(); from != want {
					t.Fatalf("from %v, want %v", from, want)
				}
				next := last
				if i+1 < count {
					next = sent[i+1]
				}
				const slack = time.Millisecond // between the two clocks
				if came[i].Before(sent[i].Add(-slack)) || came[i].After(next.Add(slack)) {
					t.Errorf("packet %d came %v after it was sent, and the next %v", i, came[i].Sub(sent[i]), next.Sub(sent[i]))
				}
			}
			answer := bytes.Repeat([]byte{7}, 1200)
			if n, err := c.WriteTo(answer, u.LocalAddr()); n != len(answer) || err != nil {
				t.Fatal(n, err)
			}
			got := make([]byte, 2000)
			if n, err := u.Read(got); err != nil || !bytes.Equal(got[:n], answer) {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
}

// dated waits until the kernel dates packets, which it begins to do a while after
// the first socket wants that.
func dated(t *testing.T, c *Conn, u *net.UDPConn, came *[]time.Time) {
	t.Helper()
	near := 0 // packets in a row; one may be read at once
	for range 100 {
		sent := time.Now()
		if _, err := u.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadFromAddrPort(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		at := (*came)[len(*came)-1]
		*came = (*came)[:0]
		if near++; at.Sub(sent) >= Interval/4 {
			near = 0
		}
		if near == 3 {
			return
		}
	}
	t.Fatal("packets are not dated")
}

// A socket of all addresses sees those of IPv4 as package net does.
func TestBothFamilies(t *testing.T) {
	c, err := newPoller(t).Listen("udp", &net.UDPAddr{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	u, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.LocalAddr().(*net.UDPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	if _, err := u.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	_, from, err := c.ReadFrom(b)
	if err != nil || from.(*net.UDPAddr).AddrPort().Addr().Unmap() != netip.MustParseAddr("127.0.0.1") {
		t.Fatal(from, err)
	}
	if _, err := c.WriteTo([]byte("back"), from); err != nil {
		t.Fatal(err)
	}
	if n, err := u.Read(b); err != nil || string(b[:n]) != "back" {
		t.Errorf("%q, %v", b[:n], err)
	}
}

func TestDeadlineAndClose(t *testing.T) {
	p := newPoller(t)
	c, err := p.Listen("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	read := func() {
		_, _, err := c.ReadFrom(make([]byte, 10))
		failed <- err
	}
	go read()
	if err := c.SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go read()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.WriteTo([]byte{1}, c.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	// The port is free, and the poller goes on with others.
	again, err := p.Listen("udp4", c.LocalAddr().(*net.UDPAddr), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.WriteTo([]byte{1}, again.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if n, err := again.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Error(n, err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	c, u := open(t, newPoller(t), "udp4", "127.0.0.1", func([]byte, time.Time) {})
	b, packet := make([]byte, maxPacket), make([]byte, 1200)
	allocs := testing.AllocsPerRun(20, func() {
		for range 10 {
			if _, err := u.Write(packet); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			if n, _, err := c.ReadFromAddrPort(b); n != len(packet) || err != nil {
				t.Fatal(n, err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations in ten packets", allocs)
	}
}
