package whip

import (
	"encoding/binary"
	"sync"
	"time"
)

const (
	// arrivalSlots is of how many packets it is known when they came: some more
	// than those that all sessions of a server may have between a socket and who
	// reads the track. Of those that collide the later one is dated.
	arrivalSlots = 8192
	// maxTransit is how long a packet may be between the two.
	maxTransit = time.Second
)

// arrivals remembers when packets came that are on their way through the stack,
// which does not tell. It goes by their headers, which are not encrypted.
type arrivals struct {
	begin time.Time
	mu    sync.Mutex
	slots [arrivalSlots]arrival
}

type arrival struct {
	key uint64
	at  time.Duration // since begin
}

func newArrivals() *arrivals { return &arrivals{begin: time.Now()} }

// rtpKey tells a packet of RTP from others.
func rtpKey(ssrc uint32, seq uint16) uint64 { return uint64(ssrc)<<16 | uint64(seq) }

// rtcpKey is that of the newest control packet of a sender.
func rtcpKey(ssrc uint32) uint64 { return 1<<48 | uint64(ssrc)<<16 }

// slot puts packets that follow each other next to each other.
func (a *arrivals) slot(key uint64) *arrival {
	const scatter = 0x9e3779b1
	return &a.slots[(uint32(key>>16)*scatter>>16+uint32(key&0xffff)+uint32(key>>48)*arrivalSlots/2)%arrivalSlots]
}

// note takes a packet as it comes, encrypted. What is neither RTP nor RTCP is
// ignored.
func (a *arrivals) note(packet []byte, at time.Time) {
	if len(packet) < 12 || packet[0]>>6 != 2 {
		return
	}
	key := keyIn(packet)
	if isRTCP(packet[1]) {
		key = rtcpKey(binary.BigEndian.Uint32(packet[4:]))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	*a.slot(key) = arrival{key, at.Sub(a.begin)}
}

func keyIn(rtp []byte) uint64 {
	return rtpKey(binary.BigEndian.Uint32(rtp[8:]), binary.BigEndian.Uint16(rtp[2:]))
}

// isRTCP tells RTCP from RTP by the second byte (RFC 5761, section 4).
func isRTCP(b byte) bool { return b >= 192 && b <= 223 }

// of returns when a packet came that is read at now. Of one that is not known, such
// as what was made of a retransmission, it is now.
func (a *arrivals) of(key uint64, now time.Time) time.Time {
	a.mu.Lock()
	known := *a.slot(key)
	a.mu.Unlock()
	at := a.begin.Add(known.at)
	if age := now.Sub(at); known.key != key || age < 0 || age > maxTransit {
		return now
	}
	return at
}

// rtp returns when a packet of RTP came that has been decrypted just now.
func (a *arrivals) rtp(packet []byte) time.Time {
	now := time.Now()
	if len(packet) < 12 {
		return now
	}
	return a.of(keyIn(packet), now)
}
