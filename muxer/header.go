package muxer

import (
	"bytes"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/aac"
	"github.com/Eyevinn/mp4ff/mp4"
)

// header is ftyp and moov (8.2.1) of a file without samples of its own. All
// durations are zero, that is unknown, and 64 bits wide, so that Finish can put
// them in later.
func (m *Muxer) header() ([]byte, error) {
	init := mp4.NewMP4Init()
	init.AddChild(mp4.NewFtyp("iso6", 0, []string{"iso6", "iso5", "isom", "mp42", "avc1"}))
	moov := mp4.NewMoovBox()
	init.AddChild(moov)
	mvhd := mp4.CreateMvhd()
	mvhd.Version, mvhd.Timescale = 1, TickRate
	mvhd.NextTrackID = uint32(len(m.tracks) + 1)
	moov.AddChild(mvhd)
	mvex := mp4.NewMvexBox()
	mvex.AddChild(&mp4.MehdBox{Version: 1})
	created := fileTime(m.cfg.Created)
	mvhd.CreationTime, mvhd.ModificationTime = created, created
	for _, t := range m.tracks {
		trak, err := m.trak(t, created)
		if err != nil {
			return nil, err
		}
		moov.AddChild(trak)
		trex := mp4.CreateTrex(t.id)
		trex.DefaultSampleFlags = syncFlags
		mvex.AddChild(trex)
	}
	moov.AddChild(mvex)
	var buf bytes.Buffer
	err := init.Encode(&buf)
	return buf.Bytes(), err
}

// fileTime is in seconds since 1904 (8.2.2).
func fileTime(t time.Time) uint64 {
	if t.IsZero() || t.Unix() < -mp4.EpochDiffS {
		return 0
	}
	return uint64(t.Unix() + mp4.EpochDiffS)
}

// trak describes a track, with an edit list that begins where its presentation
// does. An edit of duration zero is valid up to the end of a fragmented file.
func (m *Muxer) trak(t *track, created uint64) (*mp4.TrakBox, error) {
	trak := mp4.CreateEmptyTrak(t.id, t.scale, t.name, "und")
	tkhd, mdhd := trak.Tkhd, trak.Mdia.Mdhd
	tkhd.Version, tkhd.Flags = 1, 3 // enabled, in movie
	mdhd.Version = 1
	tkhd.CreationTime, tkhd.ModificationTime = created, created
	mdhd.CreationTime, mdhd.ModificationTime = created, created
	trak.Mdia.Hdlr.Name = "callreel " + t.name

	edts := &mp4.EdtsBox{}
	edts.AddChild(&mp4.ElstBox{Version: 1, Entries: []mp4.ElstEntry{{MediaTime: t.lead, MediaRateInteger: 1}}})
	trak.Edts = edts
	trak.Children = slices.Insert(trak.Children, 1, mp4.Box(edts))

	if t.video {
		return trak, m.cfg.Video.describe(trak)
	}
	return trak, m.cfg.Audio.describe(trak)
}

// describe adds the sample entry avc1 (ISO/IEC 14496-15, 5.4.2).
func (v *VideoTrack) describe(trak *mp4.TrakBox) error {
	if err := trak.SetAVCDescriptor("avc1", v.SPS, v.PPS, true); err != nil {
		return err
	}
	entry := trak.Mdia.Minf.Stbl.Stsd.AvcX
	entry.CompressorName = ""
	if v.Colour != (Colour{}) {
		entry.AddChild(&mp4.ColrBox{
			ColorType:               mp4.ColorTypeOnScreenColors,
			ColorPrimaries:          v.Colour.Primaries,
			TransferCharacteristics: v.Colour.Transfer,
			MatrixCoefficients:      v.Colour.Matrix,
			FullRangeFlag:           v.Colour.FullRange,
		})
	}
	return nil
}

// describe adds the sample entry mp4a (ISO/IEC 14496-14, 5.6).
func (a *AudioTrack) describe(trak *mp4.TrakBox) error {
	asc, err := aac.DecodeAudioSpecificConfigHeader(bytes.NewReader(a.Config))
	if err != nil {
		return err
	}
	esds := mp4.CreateEsdsBox(a.Config)
	esds.DecConfigDescriptor.MaxBitrate = uint32(a.BitRate)
	esds.DecConfigDescriptor.AvgBitrate = uint32(a.BitRate)
	entry := mp4.CreateAudioSampleEntryBox("mp4a", uint16(asc.ChannelConfiguration), 16, uint16(a.SampleRate), esds)
	trak.Mdia.Minf.Stbl.Stsd.AddChild(entry)
	return nil
}
