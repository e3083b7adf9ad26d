package ingest

import (
	"github.com/pion/rtp/codecs"

	"github.com/callreel/callreel/internal/timebase"
)

// vp8 joins the packets of a VP8 frame (RFC 7741). Chromium tells temporal
// layers either in the payload descriptor or, where that was negotiated, in the
// dependency descriptor alone.
type vp8 struct {
	buf       frameBuffer
	open      bool
	first     codecs.VP8Packet // descriptor of the frame's first packet
	described bool             // frame is as its dependency descriptor says
	frame     [1]frame
	structure structure
	numbers   timebase.Unwrapper
}

func newVP8(cfg depacketiserConfig) depacketiser {
	return &vp8{buf: frameBuffer{max: cfg.maxFrame}, numbers: timebase.Unwrapper{Bits: 16}}
}

func (d *vp8) add(payload, extension []byte) error {
	var desc codecs.VP8Packet
	data, err := desc.Unmarshal(payload)
	if err != nil || len(data) == 0 {
		return errShort
	}
	start := desc.S == 1 && desc.PID == 0
	if start == d.open {
		return errIncomplete
	}
	if start {
		d.first = desc
		d.frame[0], d.described = d.describe(extension)
	} else if desc.I == d.first.I && desc.PictureID != d.first.PictureID {
		return errSyntax
	}
	d.open = true
	return d.buf.append(data)
}

func (d *vp8) take() (accessUnit, error) {
	d.open = false
	au := accessUnit{data: d.buf.take(), discardable: d.first.N == 1, frames: d.frame[:]}
	f := &d.frame[0]
	f.end = len(au.data)
	if !d.described {
		f.temporal = temporalLayer{
			known: d.first.L == 1 && d.first.T == 1,
			id:    d.first.TID,
			sync:  d.first.Y == 1,
			base:  d.first.TL0PICIDX,
		}
	}
	return au, parseVP8(&au)
}

// describe reads the dependency descriptor of a frame, if it has one.
func (d *vp8) describe(extension []byte) (f frame, ok bool) {
	desc, ok := d.structure.parse(extension)
	if !ok || !desc.start {
		return frame{}, false
	}
	f = desc.frame(&d.numbers)
	f.spatial, f.width, f.height = 0, 0, 0 // each layer of a simulcast is a stream of its own
	return f, desc.known
}

func (*vp8) hole() bool { return false }

func (d *vp8) drop() {
	d.open = false
	d.buf.take()
}

// parseVP8 reads the frame header (RFC 6386 section 9.1). That the first
// partition is there shows that the frame was not cut.
func parseVP8(au *accessUnit) error {
	f := au.data
	if len(f) < 3 {
		return errShort
	}
	tag := int(f[0]) | int(f[1])<<8 | int(f[2])<<16
	header := 3
	if au.key = tag&1 == 0; au.key {
		header = 10
		if len(f) < header {
			return errShort
		}
		if f[3] != 0x9d || f[4] != 0x01 || f[5] != 0x2a {
			return errSyntax
		}
		width, height := int(f[6])|int(f[7]&0x3f)<<8, int(f[8])|int(f[9]&0x3f)<<8
		au.frames[0].width, au.frames[0].height = width, height
		if width == 0 || height == 0 {
			return errSyntax
		}
	}
	if header+tag>>5 > len(f) {
		return errShort
	}
	return nil
}
