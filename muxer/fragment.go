package muxer

import (
	"encoding/binary"

	"github.com/Eyevinn/mp4ff/mp4"
)

const (
	syncFlags    uint32 = mp4.SyncSampleFlags                           // depends on no other sample
	nonSyncFlags uint32 = mp4.NonSyncSampleFlags | mp4.SampleDependsOn1 // is no sync sample, depends on others
)

// part is what a fragment has of a track.
type part struct {
	*track
	store
}

// appendFragment appends a moof (8.8.4) with one traf and one trun for each
// track that has samples in it, and the mdat with their data. The checksum is
// also of a header before it.
func (c *chunk) appendFragment(header []byte, parts ...part) {
	moof := len(c.buf)
	b := beginBox(c.buf, "moof")
	mfhd := len(b)
	b = append32(beginBox(b, "mfhd"), 0, uint32(c.fragments+1))
	endBox(b, mfhd)
	var offsets [maxTracks]int // of the fields that say where in the moof and the mdat the data is
	for i, p := range parts {
		if len(p.samples) > 0 {
			b, offsets[i] = p.appendTraf(b)
		}
	}
	sum := len(b)
	b = append(beginBox(b, "free"), checksumName+"\x00\x00\x00\x00"...)
	endBox(b, sum)
	endBox(b, moof)
	mdat := len(b)
	b = beginBox(b, "mdat")
	for i, p := range parts {
		if len(p.samples) > 0 {
			binary.BigEndian.PutUint32(b[offsets[i]:], uint32(len(b)-moof))
			b = append(b, p.data...)
		}
	}
	endBox(b, mdat)
	seal(header, b[moof:mdat], b[mdat:])
	c.buf = b
}

// appendTraf appends a traf (8.8.6), in the open chunk's media time. Where in b the
// data offset of its trun is to go comes back.
func (p part) appendTraf(b []byte) (_ []byte, offset int) {
	traf := len(b)
	b = beginBox(b, "traf")
	tfhd := len(b)
	b = append32(beginBox(b, "tfhd"), mp4.TfhdDefaultBaseIsMoofFlag, p.id)
	endBox(b, tfhd)
	tfdt := len(b)
	b = append32(beginBox(b, "tfdt"), 1<<24)
	b = binary.BigEndian.AppendUint64(b, uint64(p.samples[0].dts-p.base))
	endBox(b, tfdt)
	trun, kind := len(b), uint32(trunDataOffset|trunDuration|trunSize)
	if p.video {
		kind |= trunFlags | trunCompositionOffset
	}
	b = append32(beginBox(b, "trun"), 1<<24|kind, uint32(len(p.samples)), 0)
	offset = len(b) - 4
	for _, s := range p.samples {
		b = append32(b, uint32(s.duration), uint32(s.size))
		if p.video {
			flags := nonSyncFlags
			if s.key {
				flags = syncFlags
			}
			b = append32(b, flags, uint32(s.pts-s.dts))
		}
	}
	endBox(b, trun)
	endBox(b, traf)
	return b, offset
}
