package ingest

import (
	"encoding/binary"
	"slices"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

// maxREDBlocks bounds the blocks of a packet. Browsers send two, or up to ten
// by a page's wish.
const maxREDBlocks = 32

// redBlock is a part of a packet of redundant data (RFC 2198).
type redBlock struct {
	payloadType uint8
	age         uint32 // how much older than the packet's is its timestamp; 14 bits
	data        []byte
}

// splitRED cuts the payload of a packet of redundant data into its blocks, which
// it puts into dst. The primary one, of the packet's own timestamp, is the last.
func splitRED(payload []byte, dst []redBlock) ([]redBlock, error) {
	dst = dst[:0]
	var sizes [maxREDBlocks]int
	for more := true; more; {
		if len(payload) == 0 || len(dst) == maxREDBlocks {
			return nil, errSyntax
		}
		more = payload[0]&0x80 != 0
		b := redBlock{payloadType: payload[0] & 0x7f}
		header := 1
		if more {
			if header = 4; len(payload) < header {
				return nil, errShort
			}
			word := binary.BigEndian.Uint32(payload)
			b.age, sizes[len(dst)] = word>>10&0x3fff, int(word&0x3ff)
		}
		dst, payload = append(dst, b), payload[header:]
	}
	last := len(dst) - 1
	for i, n := range sizes[:last] {
		if n > len(payload) {
			return nil, errShort
		}
		dst[i].data, payload = payload[:n:n], payload[n:]
	}
	dst[last].data = payload
	return dst, nil
}

// unwrapRED turns a packet of redundant data into its primary one, in place, and
// keeps the blocks of earlier ones for restoreRED.
func (r *Receiver) unwrapRED(p *rtp.Packet) {
	blocks, err := splitRED(p.Payload, r.blocks)
	if err != nil {
		r.stats.Malformed++
		p.Payload = nil
		return
	}
	last := len(blocks) - 1
	p.PayloadType, p.Payload = blocks[last].payloadType, blocks[last].data
	if r.cfg.Codec.Kind == Audio { // video is wrapped only for the sake of ULPFEC
		r.blocks = blocks[:last]
	}
}

// restoreRED puts the earlier packets that came with p in the place of missing
// ones.
//
// A redundant block has a timestamp but no sequence number. Where it is followed
// by the next block, or by a silence that was not sent (DTX), the numbers count
// down; otherwise the packets in between were left out. A block that is no newer
// than what was delivered shows that packets of another kind came in between.
func (r *Receiver) restoreRED(p *rtp.Packet, at timebase.Ticks) {
	seq, next := p.SequenceNumber, uint32(0)
	for _, b := range slices.Backward(r.blocks) {
		if b.payloadType != r.cfg.Payloads.Media || b.age <= next || len(b.data) == 0 {
			return
		}
		seq -= 1 + b.leftOut(b.age-next)
		next = b.age
		if int32(p.Timestamp-b.age-r.newest) <= 0 || !r.lacks(r.buf.offset(seq)) {
			continue
		}
		r.restore(&rtp.Packet{
			Header: rtp.Header{
				Version: 2, PayloadType: b.payloadType, SequenceNumber: seq, Timestamp: p.Timestamp - b.age, SSRC: p.SSRC,
			},
			Payload: b.data,
		}, at)
	}
}

// dtxSize is the size in bytes up to which an Opus packet announces silence.
const dtxSize = 2

// leftOut returns how many packets there are between a block of Opus and the
// next one, which begins distance later.
func (b redBlock) leftOut(distance uint32) uint16 {
	d := opusDuration(b.data)
	if d == 0 || len(b.data) <= dtxSize || distance <= d {
		return 0
	}
	return uint16((distance - d + d/2) / d)
}

// opusDuration returns the duration of an Opus packet at 48 kHz (RFC 6716,
// section 3.1), or zero if it has no frames.
func opusDuration(packet []byte) uint32 {
	config, frames := packet[0]>>3, uint32(2)
	var frame uint32
	switch {
	case config < 12: // SILK
		frame = [4]uint32{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid
		frame = [2]uint32{480, 960}[config&1]
	default: // CELT
		frame = 120 << (config & 3)
	}
	switch packet[0] & 3 {
	case 0:
		frames = 1
	case 3:
		frames = 0
		if len(packet) > 1 {
			frames = uint32(packet[1] & 0x3f)
		}
	}
	return frames * frame
}
