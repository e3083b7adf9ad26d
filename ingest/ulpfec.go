package ingest

import (
	"encoding/binary"

	"github.com/pion/rtp"
)

const (
	// fecSpan is how many of the last packets are kept to restore others with.
	// It is a power of two and more than twice what a packet can protect: 48.
	fecSpan = 128
	// maxFEC is how many packets of error correction may wait for others.
	maxFEC = 32
	// maxLevels is how many levels of protection one may have. Browsers use one.
	maxLevels = 4
	// fecHeader is the size of the header of RFC 5109, section 7.3.
	fecHeader = 10
	rtpHeader = 12
)

// ulpfec restores packets by the generic forward error correction of RFC 5109,
// with its levels of uneven protection, sent in the sequence numbers of what it
// protects, as browsers do within RED. FlexFEC (RFC 8627) is another thing;
// browsers do not offer it by themselves.
type ulpfec struct {
	media   [fecSpan]*rtp.Packet // the last ones, by sequence number
	fec     []fecPacket          // waiting, oldest first
	newest  uint16               // of the media packets
	seen    bool                 // error correction came since the start
	mutable []uint8              // IDs of the header extensions that count as zero
	scratch []byte
}

// fecPacket is a packet of error correction: the exclusive or of others.
type fecPacket struct {
	ssrc   uint32
	header []byte // fecHeader bytes
	base   uint16 // sequence number that the first bit of the masks stands for
	levels []fecLevel
}

// fecLevel protects a span of bytes of some packets.
type fecLevel struct {
	mask uint64 // of the packets; the first is the highest bit
	data []byte // from where the level below ends
}

// newULPFEC returns a decoder. Senders fill in some header extensions after they
// have made the error correction; it takes those for zero, as senders do.
func newULPFEC(x Extensions) *ulpfec {
	f := &ulpfec{}
	for _, id := range []uint8{x.AbsSendTime, x.TransportSequence} {
		if id != 0 {
			f.mutable = append(f.mutable, id)
		}
	}
	return f
}

// reset forgets all packets.
func (f *ulpfec) reset() { *f = ulpfec{mutable: f.mutable, scratch: f.scratch} }

// active reports whether the sender makes use of error correction.
func (f *ulpfec) active() bool { return f.seen }

// addMedia keeps a packet to restore others with.
func (f *ulpfec) addMedia(p *rtp.Packet) {
	if f.get(f.newest) == nil || int16(p.SequenceNumber-f.newest) > 0 {
		f.newest = p.SequenceNumber
	}
	if f.newest-p.SequenceNumber < fecSpan {
		f.media[p.SequenceNumber%fecSpan] = p
	}
}

func (f *ulpfec) get(seq uint16) *rtp.Packet {
	if p := f.media[seq%fecSpan]; p != nil && p.SequenceNumber == seq {
		return p
	}
	return nil
}

// addFEC takes the payload of a packet of error correction. A malformed one
// restores nothing.
func (f *ulpfec) addFEC(payload []byte, ssrc uint32) error {
	f.seen = true
	p, err := parseFEC(payload)
	if err != nil {
		return err
	}
	p.ssrc = ssrc
	if len(f.fec) == maxFEC {
		f.fec = append(f.fec[:0], f.fec[1:]...)
	}
	f.fec = append(f.fec, p)
	return nil
}

// parseFEC reads the header and the levels (RFC 5109, sections 7.3 and 7.4).
func parseFEC(b []byte) (fecPacket, error) {
	if len(b) < fecHeader {
		return fecPacket{}, errShort
	}
	p := fecPacket{header: b[:fecHeader], base: binary.BigEndian.Uint16(b[2:])}
	maskSize := 2
	if b[0]&0x40 != 0 { // L
		maskSize = 6
	}
	for b = b[fecHeader:]; len(b) > 0; {
		if len(b) < 2+maskSize {
			return fecPacket{}, errShort
		}
		if len(p.levels) == maxLevels {
			return fecPacket{}, errUnsupported
		}
		size := int(binary.BigEndian.Uint16(b))
		var mask [8]byte
		copy(mask[:], b[2:2+maskSize])
		b = b[2+maskSize:]
		if size > len(b) {
			return fecPacket{}, errShort
		}
		p.levels = append(p.levels, fecLevel{binary.BigEndian.Uint64(mask[:]), b[:size]})
		b = b[size:]
	}
	if len(p.levels) == 0 {
		return fecPacket{}, errShort
	}
	return p, nil
}

// recover returns a packet that was lost, or nil. It is to be called until then:
// a restored packet helps to restore others.
func (f *ulpfec) recover() *rtp.Packet {
	for i := 0; i < len(f.fec); {
		p := &f.fec[i]
		seq, n := f.missing(p)
		if n > 1 && !f.tooOld(p) {
			i++
			continue
		}
		var restored *rtp.Packet
		if n == 1 {
			restored = f.restore(p, seq)
		}
		f.fec = append(f.fec[:i], f.fec[i+1:]...)
		if restored != nil {
			f.addMedia(restored)
			return restored
		}
	}
	return nil
}

// missing returns how many of the protected packets are not there, and one of them.
func (f *ulpfec) missing(p *fecPacket) (last uint16, n int) {
	for seq := range p.protected(0) {
		if f.get(seq) == nil {
			last = seq
			n++
		}
	}
	return last, n
}

// tooOld reports whether packets that are protected may have been forgotten.
func (f *ulpfec) tooOld(p *fecPacket) bool { return int16(f.newest-p.base) >= fecSpan }

// protected ranges over the packets that a level protects.
func (p *fecPacket) protected(level int) func(yield func(uint16) bool) {
	return func(yield func(uint16) bool) {
		seq := p.base
		for mask := p.levels[level].mask; mask != 0; mask <<= 1 {
			if mask>>63 == 1 && !yield(seq) {
				return
			}
			seq++
		}
	}
}

// restore makes the one packet that is missing (RFC 5109, section 9). It returns
// nil if not all of the packet is protected.
func (f *ulpfec) restore(p *fecPacket, seq uint16) *rtp.Packet {
	var head [fecHeader]byte
	copy(head[:], p.header)
	for s := range p.protected(0) {
		if s == seq {
			continue
		}
		raw := f.raw(s)
		if raw == nil {
			return nil
		}
		xor(head[:8], raw)
		binary.BigEndian.PutUint16(head[8:], binary.BigEndian.Uint16(head[8:])^uint16(len(raw)-rtpHeader))
	}
	out := make([]byte, rtpHeader, rtpHeader+int(binary.BigEndian.Uint16(head[8:])))
	copy(out, head[:8])
	out[0] = out[0]&0x3f | 2<<6
	binary.BigEndian.PutUint16(out[2:], seq)
	binary.BigEndian.PutUint32(out[8:], p.ssrc)
	out = f.restoreBody(p, seq, out)
	if out == nil {
		return nil
	}
	restored := &rtp.Packet{}
	if err := restored.Unmarshal(out); err != nil {
		return nil
	}
	return restored
}

// restoreBody appends to out, up to its capacity, what follows the fixed header.
func (f *ulpfec) restoreBody(p *fecPacket, seq uint16, out []byte) []byte {
	for i, l := range p.levels {
		if len(out) == cap(out) {
			break
		}
		from, protected := len(out), false
		out = append(out, l.data[:min(len(l.data), cap(out)-from)]...)
		for s := range p.protected(i) {
			if s == seq {
				protected = true
				continue
			}
			raw := f.raw(s)
			if raw == nil {
				return nil
			}
			xor(out[from:], raw[min(from, len(raw)):])
		}
		if !protected {
			return nil
		}
	}
	if len(out) < cap(out) {
		return nil
	}
	return out
}

// raw returns a packet as it was protected, until the next call, or nil if it
// is not there.
func (f *ulpfec) raw(seq uint16) []byte {
	p := f.get(seq)
	if p == nil {
		return nil
	}
	for _, id := range f.mutable {
		clear(p.GetExtension(id))
	}
	if n := p.MarshalSize(); n > len(f.scratch) {
		f.scratch = make([]byte, n)
	}
	n, err := p.MarshalTo(f.scratch)
	if err != nil {
		return nil
	}
	return f.scratch[:n]
}

// xor combines dst with src as far as both go.
func xor(dst, src []byte) {
	for i := range min(len(dst), len(src)) {
		dst[i] ^= src[i]
	}
}
