// Package udp has UDP sockets that are read together: every few milliseconds all
// that has come on any of them, which the kernel kept until then, and dated.
//
// A socket of package net wakes a thread for each packet, twice over: the one that
// polls the network and the one that reads. With some thousand packets of media a
// second, which are composed a second later, that costs many times what is done
// with them. When a packet came is not lost: the kernel notes it.
package udp

import "time"

// Interval is for how long packets wait at most. It is short against what their
// senders measure (round trips, from which they estimate what the path can carry),
// and long enough that a call of a few people has packets in each.
const Interval = 20 * time.Millisecond

// Seen is told of each packet just before it is read, and when it came. It may not
// keep it.
type Seen func(packet []byte, at time.Time)
