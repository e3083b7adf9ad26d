package inspect

import "github.com/Eyevinn/mp4ff/mp4"

// fragment takes the moof that was kept until the box after it was known.
func (f *file) fragment(mdat span) {
	moof := f.moof
	f.moof = nil
	at := int64(moof.StartPos)
	if mdat.name != "mdat" {
		f.problem(Error, "the fragment at byte %d has no mdat, but %v", at, mdat)
		return
	}
	f.checkNumber(moof, at)
	begins := false // with a key frame, or has no video
	video := false
	for _, traf := range moof.Trafs {
		t := f.trackOf(traf, at)
		if t == nil {
			continue
		}
		keys := t.KeyFrames
		first, ok := f.traf(t, traf, at, mdat)
		if !ok {
			f.problem(Error, "the fragment at byte %d has samples of track %d outside its mdat", at, t.ID)
		}
		if t.Kind == "video" && t.Samples > 0 {
			video, begins = true, begins || first && t.KeyFrames > keys
		}
	}
	if video && !begins {
		f.report.NoKeyFrame++
	}
}

// checkNumber wants sequence numbers to go up (8.8.5).
func (f *file) checkNumber(moof *mp4.MoofBox, at int64) {
	if moof.Mfhd == nil {
		f.problem(Error, "the fragment at byte %d has no mfhd", at)
		return
	}
	n := moof.Mfhd.SequenceNumber
	if f.number != 0 && n <= f.number {
		f.problem(Warning, "the fragment at byte %d has number %d after %d", at, n, f.number)
	}
	f.number = n
}

func (f *file) trackOf(traf *mp4.TrafBox, at int64) *track {
	if traf.Tfhd == nil {
		f.problem(Error, "the fragment at byte %d has a traf without tfhd", at)
		return nil
	}
	for _, t := range f.tracks {
		if t.ID == int64(traf.Tfhd.TrackID) {
			return t
		}
	}
	if f.movie != nil {
		f.problem(Error, "the fragment at byte %d has samples of track %d, which does not exist", at, traf.Tfhd.TrackID)
	}
	return nil
}

// traf takes the samples of one track (8.8.6 to 8.8.8, 8.8.12). It says whether
// the first is a key frame and whether all lie within mdat.
func (f *file) traf(t *track, traf *mp4.TrafBox, at int64, mdat span) (key, ok bool) {
	if traf.Tfdt != nil {
		t.jump(int64(traf.Tfdt.BaseMediaDecodeTime()))
	} else if t.Samples == 0 {
		t.jump(0)
	}
	base := at
	if traf.Tfhd.HasBaseDataOffset() {
		base = int64(traf.Tfhd.BaseDataOffset)
	}
	offset, ok := mdat.body, true
	for i, trun := range traf.Truns {
		trun.AddSampleDefaultValues(traf.Tfhd, t.trex)
		if trun.HasDataOffset() {
			offset = base + int64(trun.DataOffset)
		}
		for j, s := range trun.Samples {
			if t.Samples >= f.size {
				return key, false // more samples than bytes
			}
			sync := s.Flags&mp4.NonSyncSampleFlags == 0
			key = key || i == 0 && j == 0 && sync
			end := offset + int64(s.Size)
			ok = ok && offset >= mdat.body && end <= mdat.end
			t.add(int64(s.Dur), int64(s.CompositionTimeOffset), int64(s.Size), sync)
			offset = end
		}
	}
	return key, ok
}
