// Package capture is the file format in which a recording keeps what arrived:
// RTP, sender reports and changes of the roster, each with its time. The file
// is a pcapng (IETF draft-ietf-opsawg-pcapng) of UDP over IPv4, so that
// Wireshark opens it; docs/capture.md describes it for readers other than this
// one.
//
// The package encodes to memory and decodes from an [io.Reader]. It does no I/O
// of its own, has no clock, and knows nothing of recordings: who captures what,
// and what becomes of it, is up to its users.
package capture

import (
	"errors"

	"github.com/callreel/callreel/internal/fault"
)

// Version is that of the format. A reader refuses captures of a later one.
const Version = 1

// Errors of reading. Each says who must act; see internal/fault.
var (
	// ErrFormat: the file is no capture at all.
	ErrFormat = fault.Caller.Wrap(errors.New("capture: not a capture of callreel"))
	// ErrNewer: the file has a later version of the format.
	ErrNewer = fault.Caller.Wrap(errors.New("capture: made by a later version of callreel"))
	// ErrMalformed: the file breaks the rules of its format.
	ErrMalformed = fault.Source.Wrap(errors.New("capture: malformed"))
)

// ErrTooLarge refuses what does not fit into a UDP datagram.
var ErrTooLarge = errors.New("capture: larger than a datagram")
