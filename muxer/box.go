package muxer

import (
	"encoding/binary"
	"iter"
)

const (
	boxHeader   = 8
	largeHeader = 16
)

// Flags of a trun (ISO/IEC 14496-12, 8.8.8.1).
const (
	trunDataOffset        = 0x001
	trunDuration          = 0x100
	trunSize              = 0x200
	trunFlags             = 0x400
	trunCompositionOffset = 0x800
)

// beginBox appends the header of a box (4.2), without its size.
func beginBox(b []byte, name string) []byte { return append(append(b, 0, 0, 0, 0), name...) }

// endBox fills in the size of the box that begins at a position, and ends with b.
func endBox(b []byte, at int) { binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at)) }

// append32 appends numbers of 32 bits.
func append32(b []byte, numbers ...uint32) []byte {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// box is a box within a buffer.
type box struct {
	name []byte
	body []byte
}

// boxes walks the boxes in b. It ends early where b is malformed.
func boxes(b []byte) iter.Seq[box] {
	return func(yield func(box) bool) {
		for {
			first, rest, ok := next(b)
			if !ok || !yield(first) {
				return
			}
			b = rest
		}
	}
}

// next takes the first box off b. It fails at the end, and where b is malformed.
func next(b []byte) (first box, rest []byte, ok bool) {
	if len(b) < boxHeader {
		return box{}, nil, false
	}
	size := binary.BigEndian.Uint32(b)
	if size < boxHeader || uint64(size) > uint64(len(b)) {
		return box{}, nil, false
	}
	return box{b[4:8], b[boxHeader:size:size]}, b[size:], true
}

// find is the body of the first box at a path, or nil.
func find(b []byte, path ...string) []byte {
	for child, rest, ok := next(b); ok; child, rest, ok = next(rest) {
		switch {
		case string(child.name) != path[0]:
		case len(path) == 1:
			return child.body
		default:
			return find(child.body, path[1:]...)
		}
	}
	return nil
}

// full is the body of a full box (4.2) if it has the version and at least the
// size, or nil.
func full(body []byte, version byte, size int) []byte {
	if len(body) < size || body[0] != version {
		return nil
	}
	return body
}

func be32(b []byte, at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }

func be64(b []byte, at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }

func put64(b []byte, at int, v int64) { binary.BigEndian.PutUint64(b[at:], uint64(v)) }
