package muxer

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
)

// A moof ends with a free box (8.1.2) that holds a checksum of the fragment: a
// name and CRC-32C. A power loss can leave any part of what was not synced, with
// zeros in between, and a box of media does not tell. The first fragment's is
// of the header too. Left out is what Finish fills in: the checksum itself, the
// durations in the header, and those of the last sample of each run.
const (
	checksumName = "crcC"
	checksumBox  = boxHeader + 8
	sector       = 512 // bytes that a disk writes as a whole
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum returns the checksum that a moof states, if it does.
func checksum(moof []byte) (sum uint32, ok bool) {
	tail := moof[max(0, len(moof)-checksumBox):]
	if len(tail) < checksumBox || string(tail[4:12]) != "free"+checksumName {
		return 0, false
	}
	return be32(tail, 12), true
}

// sumMoof adds a moof to a checksum.
func sumMoof(sum uint32, moof []byte) uint32 {
	b := slices.Clone(moof)
	clear(b[len(b)-4:])
	for child := range boxes(b[boxHeader:]) {
		if string(child.name) != "traf" {
			continue
		}
		trun := find(child.body, "trun")
		stride := 8
		if len(trun) > 4 && be32(trun, 0)&trunFlags != 0 {
			stride = 16
		}
		if len(trun) >= 12+stride {
			clear(trun[len(trun)-stride:][:4])
		}
	}
	return crc32.Update(sum, castagnoli, b)
}

// seal fills in the checksum of a fragment: a moof, the mdat behind it, and the
// header before it, if it is the first.
func seal(header, moof, mdat []byte) {
	sum := sumMoof(crc32.Checksum(header, castagnoli), moof)
	sum = crc32.Update(sum, castagnoli, mdat)
	binary.BigEndian.PutUint32(moof[len(moof)-4:], sum)
}

// sumHeader returns the checksum of the header.
func (m *movie) sumHeader(f io.ReaderAt) (uint32, error) {
	ftyp := make([]byte, m.at)
	if err := readFull(f, ftyp, 0); err != nil {
		return 0, err
	}
	kept := slices.Clone(m.moov)
	for _, t := range m.tracks {
		clear(t.tkhd[28:36])
		clear(t.elst[8:16])
		clear(t.mdhd[24:32])
	}
	clear(m.mvhd[24:32])
	clear(m.mehd[4:12])
	sum := crc32.Update(crc32.Checksum(ftyp, castagnoli), castagnoli, m.moov)
	copy(m.moov, kept)
	return sum, nil
}

// condition is what a fragment is like by its checksum.
type condition int

const (
	whole     condition = iota
	unproved            // it has no checksum, as those of earlier versions
	damaged             // it is not what was written
	unwritten           // some of it was never written
)

// examine reads a fragment and tells its condition.
func (m *movie) examine(f io.ReaderAt, raw []byte, length int64) (condition, error) {
	want, ok := checksum(raw)
	if !ok {
		if walked(raw) {
			return unproved, nil
		}
		return unwritten, nil
	}
	var sum uint32
	from := m.end
	if m.fragments == 0 {
		var err error
		if sum, err = m.sumHeader(f); err != nil {
			return damaged, err
		}
		from = 0
	}
	sum = sumMoof(sum, raw)
	b := make([]byte, 256<<10)
	for at, end := m.end+int64(len(raw)), m.end+length; at < end; {
		part := b[:min(int64(len(b)), end-at)]
		if err := readFull(f, part, at); err != nil {
			return damaged, err
		}
		sum = crc32.Update(sum, castagnoli, part)
		at += int64(len(part))
	}
	if sum == want {
		return whole, nil
	}
	if hole, err := hasHole(f, from, m.end+length); hole || err != nil {
		return unwritten, err
	}
	return damaged, nil
}

// walked reports whether a box consists of boxes.
func walked(raw []byte) bool {
	n := boxHeader
	for child := range boxes(raw[boxHeader:]) {
		n += boxHeader + len(child.body)
	}
	return n == len(raw)
}

// hasHole reports whether a sector between two positions was never written, as
// far as it lies between them: it is zero.
func hasHole(f io.ReaderAt, from, to int64) (bool, error) {
	var zero, b [sector]byte
	for at := from; at < to; {
		part := b[:min(sector-at%sector, to-at)]
		if err := readFull(f, part, at); err != nil {
			return false, ignoreEnd(err)
		}
		if len(part) > 16 && bytes.Equal(part, zero[:len(part)]) {
			return true, nil
		}
		at += int64(len(part))
	}
	return false, nil
}
