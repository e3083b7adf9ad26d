package muxer

import (
	"bytes"
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
	samples []Sample
}

// appendFragment appends a moof (8.8.4) with one traf and one trun for each
// track that has samples in it, and the mdat with their data. The checksum is
// also of a header before it.
func (c *chunk) appendFragment(header []byte, parts ...part) error {
	moof := &mp4.MoofBox{}
	if err := moof.AddChild(mp4.CreateMfhd(uint32(c.fragments + 1))); err != nil {
		return err
	}
	var data [][]Sample
	for _, p := range parts {
		if len(p.samples) == 0 {
			continue
		}
		traf, err := p.traf(p.samples)
		if err != nil {
			return err
		}
		if err := moof.AddChild(traf); err != nil {
			return err
		}
		data = append(data, p.samples)
	}
	if err := moof.AddChild(mp4.NewFreeBox([]byte(checksumName + "\x00\x00\x00\x00"))); err != nil {
		return err
	}
	return c.appendMedia(header, moof, data)
}

// traf describes samples in the open chunk's media time.
func (t *track) traf(samples []Sample) (*mp4.TrafBox, error) {
	tfdt := mp4.CreateTfdt(uint64(samples[0].DTS - t.base))
	tfdt.Version = 1
	trun := mp4.CreateTrun(0)
	trun.Flags = trunDataOffset | trunDuration | trunSize
	if t.video {
		trun.Flags |= trunFlags | trunCompositionOffset
	}
	for _, s := range samples {
		flags := nonSyncFlags
		if s.Key {
			flags = syncFlags
		}
		trun.AddSample(mp4.NewSample(flags, uint32(s.Duration), uint32(len(s.Data)), int32(s.PTS-s.DTS)))
	}
	traf := &mp4.TrafBox{}
	for _, b := range []mp4.Box{mp4.CreateTfhd(t.id), tfdt, trun} {
		if err := traf.AddChild(b); err != nil {
			return nil, err
		}
	}
	return traf, nil
}

// appendMedia appends moof and the mdat with the samples of its trafs.
func (c *chunk) appendMedia(header []byte, moof *mp4.MoofBox, data [][]Sample) error {
	size := uint32(8)
	for i, samples := range data {
		moof.Trafs[i].Trun.DataOffset = int32(moof.Size()) + int32(size)
		for _, s := range samples {
			size += uint32(len(s.Data))
		}
	}
	begin := len(c.buf)
	w := bytes.NewBuffer(c.buf)
	if err := moof.Encode(w); err != nil {
		return err
	}
	end := w.Len()
	c.buf = append(binary.BigEndian.AppendUint32(w.Bytes(), size), "mdat"...)
	for _, samples := range data {
		for _, s := range samples {
			c.buf = append(c.buf, s.Data...)
		}
	}
	seal(header, c.buf[begin:end], c.buf[end:])
	return nil
}
