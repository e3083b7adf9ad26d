package udp

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poller says when the sockets that were opened with it are to be read. It looks
// at all of them by one call, which is quicker the fewer of them have anything.
type Poller struct {
	epoll int
	spare sync.Pool // of *batch
	wake  chan struct{}
	done  chan struct{}
	wg    sync.WaitGroup

	mu     sync.Mutex
	conns  map[int32]*Conn // by descriptor
	closed bool
}

// NewPoller starts one. It must be closed, which does not close its sockets.
func NewPoller() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("udp: poll: %w", err)
	}
	p := &Poller{
		epoll: fd, wake: make(chan struct{}, 1), done: make(chan struct{}), conns: make(map[int32]*Conn),
		spare: sync.Pool{New: func() any { return newBatch() }},
	}
	p.wg.Go(p.run)
	return p, nil
}

// Close ends the polling. What is read from then on waits until it is closed.
func (p *Poller) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	close(p.done)
	p.mu.Unlock()
	p.wg.Wait()
	p.mu.Lock()
	return unix.Close(p.epoll)
}

// Listen opens a socket as [net.ListenUDP] does. seen may be nil.
func (p *Poller) Listen(network string, local *net.UDPAddr, seen Seen) (*Conn, error) {
	u, err := net.ListenUDP(network, local)
	if err != nil {
		return nil, err
	}
	c, err := p.Adopt(u, seen)
	if err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return c, nil
}

// Adopt takes the place of a socket, which it closes: package net would go on
// polling it. If it fails the socket stays the caller's.
func (p *Poller) Adopt(u *net.UDPConn, seen Seen) (*Conn, error) {
	fd, err := duplicate(u)
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	c, err := newConn(p, fd, u.LocalAddr(), seen)
	if err == nil {
		err = p.add(c)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("udp: %w", err), unix.Close(fd))
	}
	return c, u.Close()
}

func duplicate(u *net.UDPConn) (fd int, err error) {
	raw, err := u.SyscallConn()
	if err != nil {
		return -1, err
	}
	inner := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(inner, err)
}

func (p *Poller) add(c *Conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
		return err
	}
	p.conns[int32(c.fd)] = c
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// remove forgets a socket, which is closed next.
func (p *Poller) remove(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, int32(c.fd))
	if !p.closed {
		_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, c.fd, nil) // closing would do it too
	}
}

// run polls for as long as there are sockets.
func (p *Poller) run() {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	events := make([]unix.EpollEvent, 64)
	for {
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
		switch n, total := p.poll(events); {
		case total == 0:
			tick.Stop()
			select {
			case <-p.done:
				return
			case <-p.wake:
			}
			tick.Reset(Interval)
		case n == len(events):
			events = make([]unix.EpollEvent, 2*n)
		}
	}
}

// poll lets the sockets be read that have something, and returns how many those
// are and how many there are.
func (p *Poller) poll(events []unix.EpollEvent) (ready, total int) {
	ready = p.look(events)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range ready {
		if c := p.conns[events[i].Fd]; c != nil {
			select {
			case c.ready <- struct{}{}:
			default:
			}
		}
	}
	return ready, len(p.conns)
}

// look asks the kernel without waiting. The scheduler need not know of that: for
// each call that it takes for one that may wait it wakes a thread to watch it.
func (p *Poller) look(events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 { // it was interrupted
		return 0
	}
	return int(n)
}
