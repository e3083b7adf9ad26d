package inspect

import (
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// maxCreated is in seconds since 1904, more than 500 years later.
const maxCreated = 1 << 34

// moov takes the movie header and its tracks.
func (f *file) moov(moov *mp4.MoovBox) {
	if f.movie != nil {
		f.problem(Error, "there is a second moov")
		return
	}
	f.movie = moov
	if moov.Mvhd == nil || moov.Mvhd.Timescale == 0 {
		f.problem(Error, "the movie has no header or no timescale")
		return
	}
	f.report.Timescale = int64(moov.Mvhd.Timescale)
	f.report.Duration = clamp(moov.Mvhd.Duration)
	if c := moov.Mvhd.CreationTime; c > 0 && c < maxCreated {
		f.report.Created = time.Unix(moov.Mvhd.CreationTimeS(), 0).UTC()
	}
	f.report.Fragmented = moov.Mvex != nil
	if moov.Mvex != nil && moov.Mvex.Mehd != nil {
		f.report.Duration = clamp(uint64(moov.Mvex.Mehd.FragmentDuration))
	}
	for _, trak := range moov.Traks {
		f.trak(trak)
	}
}

// clamp limits a time that a file states. All ones mean unknown.
func clamp(v uint64) int64 {
	if v > maxTime {
		return 0
	}
	return int64(v)
}

func (f *file) trak(trak *mp4.TrakBox) {
	mdia := trak.Mdia
	if trak.Tkhd == nil || mdia == nil || mdia.Mdhd == nil || mdia.Hdlr == nil ||
		mdia.Minf == nil || mdia.Minf.Stbl == nil || mdia.Minf.Stbl.Stsd == nil || mdia.Mdhd.Timescale == 0 {
		f.problem(Error, "a track has no complete header")
		return
	}
	t := &track{}
	t.ID, t.Timescale = int64(trak.Tkhd.TrackID), int64(mdia.Mdhd.Timescale)
	switch t.Kind = mdia.Hdlr.HandlerType; t.Kind {
	case "vide":
		t.Kind = "video"
	case "soun":
		t.Kind = "audio"
	}
	f.tracks = append(f.tracks, t)
	if trak.Edts != nil {
		for _, elst := range trak.Edts.Elst {
			for _, e := range elst.Entries {
				t.Edits = append(t.Edits, Edit{clamp(e.SegmentDuration), max(-1, min(e.MediaTime, maxTime))})
			}
		}
	}
	if f.movie.Mvex != nil {
		t.trex, _ = f.movie.Mvex.GetTrex(trak.Tkhd.TrackID)
	}
	t.describe(mdia.Minf.Stbl.Stsd)
	f.table(t, mdia.Minf.Stbl)
}
