package ingest

import (
	"encoding/binary"
	"slices"

	"github.com/pion/rtp"
)

// Strip takes off a packet, in place, what reaches back beyond the packet with
// that timestamp and sequence number: copies of earlier packets in RED, and
// ULPFEC that protects some. It returns what the packet carries itself. One that
// can't be parsed is left with nothing.
func (t Payloads) Strip(p *rtp.Packet, oldest uint32, first uint16) (own []byte) {
	switch {
	case t.RED != 0 && p.PayloadType == t.RED:
		return t.stripRED(p, oldest, first)
	case t.protects(p.PayloadType, p.Payload, first):
		p.Payload = nil
	}
	return p.Payload
}

func (t Payloads) stripRED(p *rtp.Packet, oldest uint32, first uint16) (own []byte) {
	blocks, err := splitRED(p.Payload, nil)
	if err != nil {
		p.Payload = nil
		return nil
	}
	last := blocks[len(blocks)-1]
	if t.protects(last.payloadType, last.data, first) {
		p.Payload = nil
		return nil
	}
	older := slices.DeleteFunc(blocks[:len(blocks)-1], func(b redBlock) bool {
		return b.payloadType != t.Media || int32(p.Timestamp-b.age-oldest) < 0
	})
	p.Payload = joinRED(older, last)
	return last.data
}

// protects reports whether a payload is error correction for packets before first.
func (t Payloads) protects(payloadType uint8, payload []byte, first uint16) bool {
	if t.ULPFEC == 0 || payloadType != t.ULPFEC {
		return false
	}
	return len(payload) < fecHeader || int16(binary.BigEndian.Uint16(payload[2:])-first) < 0
}

// joinRED is the inverse of splitRED.
func joinRED(older []redBlock, last redBlock) (payload []byte) {
	for _, b := range older {
		payload = append(payload, 0x80|b.payloadType)
		payload = append(payload, byte(b.age>>6), byte(b.age<<2)|byte(len(b.data)>>8), byte(len(b.data)))
	}
	payload = append(payload, last.payloadType)
	for _, b := range older {
		payload = append(payload, b.data...)
	}
	return append(payload, last.data...)
}
