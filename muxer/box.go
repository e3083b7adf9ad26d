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

// box is a box (4.2) within a buffer.
type box struct {
	name string
	body []byte
}

// boxes walks the boxes in b. It ends early where b is malformed.
func boxes(b []byte) iter.Seq[box] {
	return func(yield func(box) bool) {
		for len(b) >= boxHeader {
			size := binary.BigEndian.Uint32(b)
			if size < boxHeader || uint64(size) > uint64(len(b)) {
				return
			}
			if !yield(box{string(b[4:8]), b[boxHeader:size:size]}) {
				return
			}
			b = b[size:]
		}
	}
}

// find is the body of the first box at a path, or nil.
func find(b []byte, path ...string) []byte {
	for child := range boxes(b) {
		switch {
		case child.name != path[0]:
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
