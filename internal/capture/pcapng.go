package capture

import (
	"encoding/binary"
	"strings"
	"time"
)

// Block types, options and the link type that are written (draft-ietf-opsawg-pcapng
// sections 3.5 and 4, and the registry of link types).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 6 // enhanced packet

	byteOrderMagic = 0x1a2b3c4d

	optEnd         = 0
	optComment     = 1
	optApplication = 4  // of a section
	optResolution  = 9  // of an interface
	optOffset      = 14 // of an interface

	linkRaw = 101 // a packet is an IP packet

	nanoseconds = 9 // as a resolution: ten to the minus ninth
)

const (
	blockFrame   = 12 // type, length, and length again
	packetHeader = 20 // of an enhanced packet, after type and length
	maxComment   = 4096
)

const about = "A call as callreel received it, in clear. Compose it with: callreel compose FILE -o out.mp4"

// AppendHeader appends what every capture begins with: a section of one
// interface of raw IP packets, with times in nanoseconds.
func AppendHeader(dst []byte) []byte {
	dst = appendBlock(dst, blockSection, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
		b = binary.LittleEndian.AppendUint32(b, 1)       // version 1.0
		b = binary.LittleEndian.AppendUint64(b, 1<<64-1) // length not known
		b = appendOption(b, optApplication, "callreel")
		return endOptions(appendOption(b, optComment, about))
	})
	return appendBlock(dst, blockInterface, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, linkRaw)
		b = binary.LittleEndian.AppendUint32(b, 0) // packets of any length
		return endOptions(appendOption(b, optResolution, string(rune(nanoseconds))))
	})
}

// appendPacket appends an IP packet that came at t, with a comment if it is not empty.
func appendPacket(dst []byte, t time.Time, d datagram, comment string) ([]byte, error) {
	if len(d.payload) > maxDatagram {
		return dst, ErrTooLarge
	}
	ns := uint64(t.UnixNano())
	return appendBlock(dst, blockPacket, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, 0) // the interface
		b = binary.LittleEndian.AppendUint32(b, uint32(ns>>32))
		b = binary.LittleEndian.AppendUint32(b, uint32(ns))
		b = binary.LittleEndian.AppendUint32(b, uint32(d.size()))
		b = binary.LittleEndian.AppendUint32(b, uint32(d.size()))
		b = pad(d.append(b), d.size())
		if comment == "" {
			return b
		}
		return endOptions(appendOption(b, optComment, strings.ToValidUTF8(comment[:min(len(comment), maxComment)], "")))
	}), nil
}

// appendBlock appends a block with the body that body appends.
func appendBlock(dst []byte, kind uint32, body func([]byte) []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, kind)
	dst = body(append(dst, 0, 0, 0, 0))
	size := uint32(len(dst) - start + 4)
	binary.LittleEndian.PutUint32(dst[start+4:], size)
	return binary.LittleEndian.AppendUint32(dst, size)
}

func appendOption(dst []byte, code uint16, value string) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, code)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(value)))
	return pad(append(dst, value...), len(value))
}

func endOptions(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// pad fills up to a multiple of four bytes what has n.
func pad(dst []byte, n int) []byte { return append(dst, make([]byte, -n&3)...) }
