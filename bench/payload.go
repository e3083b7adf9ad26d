package bench

import (
	"encoding/binary"
	"strings"

	"github.com/pion/rtp/codecs"
)

// payloader cuts coded frames into payloads.
type payloader interface {
	payloads(f codedFrame) [][]byte
}

// mtu keeps packets within the 1200 bytes that browsers send.
const mtu = 1150

func newPayloader(c coded) payloader {
	switch strings.ToLower(c.MIME) {
	case "video/vp8":
		return &vp8Payloader{layered: c.Layers > 0}
	case "video/vp9":
		if c.Layers > 0 {
			return new(vp9Payloader)
		}
		return others{&codecs.VP9Payloader{}}
	case "video/h264":
		return others{&codecs.H264Payloader{}}
	case "video/av1":
		return others{&codecs.AV1Payloader{}}
	default:
		return others{&codecs.OpusPayloader{}}
	}
}

// others are Pion's payloaders.
type others struct {
	p interface {
		Payload(mtu uint16, payload []byte) [][]byte
	}
}

func (o others) payloads(f codedFrame) [][]byte { return o.p.Payload(mtu, f.Data) }

// vp8Payloader writes the payload descriptor of RFC 7741, section 4.2, as
// Chromium does: with picture IDs of 15 bits, and of temporal layers TL0PICIDX
// and TID. Pictures of the highest layer are not referred to.
type vp8Payloader struct {
	layered bool
	picture uint16
	base    uint8
}

func (v *vp8Payloader) payloads(f codedFrame) (out [][]byte) {
	const x, n, s = 0x80, 0x20, 0x10 // of the first byte
	const i, l, t = 0x80, 0x40, 0x20 // of the second
	const y = 0x20                   // of the one with TID
	v.picture++
	first, have := byte(x|s), byte(i)
	var tail []byte
	if v.layered {
		if f.TID == 0 {
			v.base++
		}
		if f.TID == tids[1] {
			first |= n
		}
		have |= l | t
		tail = []byte{v.base, f.TID << 6}
		if synced(int(v.picture) - 1) {
			tail[1] |= y
		}
	}
	for data := f.Data; len(data) > 0; first &^= s {
		k := min(len(data), mtu)
		p := binary.BigEndian.AppendUint16([]byte{first, have}, v.picture|0x8000)
		p = append(p, tail...)
		out = append(out, append(p, data[:k]...))
		data = data[k:]
	}
	return out
}

// synced reports whether picture n of a stream in three temporal layers is one of
// the middle layer that depends on the lowest alone.
func synced(n int) bool { return n%(2*len(tids)) == 2 }

// vp9Payloader writes the payload descriptor of RFC 9628, section 4.2, in
// non-flexible mode with one spatial layer.
type vp9Payloader struct {
	picture uint16
	base    uint8
}

func (v *vp9Payloader) payloads(f codedFrame) (out [][]byte) {
	const i, p, l, b, e = 0x80, 0x40, 0x20, 0x08, 0x04
	v.picture++
	if f.TID == 0 {
		v.base++
	}
	head := byte(i | l | b)
	if !f.Key {
		head |= p
	}
	for data := f.Data; len(data) > 0; head &^= b {
		k := min(len(data), mtu)
		if k == len(data) {
			head |= e
		}
		d := binary.BigEndian.AppendUint16([]byte{head}, v.picture|0x8000)
		d = append(d, f.TID<<5, v.base)
		out = append(out, append(d, data[:k]...))
		data = data[k:]
	}
	return out
}
