package inspect

import "github.com/Eyevinn/mp4ff/mp4"

// table takes the samples that the movie header itself lists (8.6 and 8.7), as
// in a progressive file.
func (f *file) table(t *track, stbl *mp4.StblBox) {
	if stbl.Stsz == nil || stbl.Stsz.SampleNumber == 0 {
		return
	}
	if stbl.Stts == nil || int64(stbl.Stsz.SampleNumber) > f.size {
		f.problem(Error, "track %d has a malformed sample table", t.ID)
		return
	}
	sync := map[uint32]bool{}
	if stbl.Stss != nil {
		for _, n := range stbl.Stss.SampleNumber {
			sync[n] = true
		}
	}
	offsets := offsets{ctts: stbl.Ctts}
	n := uint32(1)
	for i, count := range stbl.Stts.SampleCount {
		duration := int64(stbl.Stts.SampleTimeDelta[i])
		for ; count > 0 && n <= stbl.Stsz.SampleNumber; count-- {
			size := int64(stbl.Stsz.GetSampleSize(int(n)))
			t.add(duration, offsets.next(n), size, stbl.Stss == nil || sync[n])
			n++
		}
	}
	if n <= stbl.Stsz.SampleNumber {
		f.problem(Error, "track %d has %d samples without a time", t.ID, stbl.Stsz.SampleNumber-n+1)
	}
	f.chunks(t, stbl)
}

// offsets goes through the composition offsets of a progressive file.
type offsets struct {
	ctts  *mp4.CttsBox
	entry int
}

// next is the offset of sample n; n goes up.
func (o *offsets) next(n uint32) int64 {
	if o.ctts == nil {
		return 0
	}
	for o.entry < len(o.ctts.SampleOffset) && o.ctts.EndSampleNr[o.entry+1] < n {
		o.entry++
	}
	if o.entry == len(o.ctts.SampleOffset) {
		return 0
	}
	return int64(o.ctts.SampleOffset[o.entry])
}

// chunks wants all chunks to lie within the file.
func (f *file) chunks(t *track, stbl *mp4.StblBox) {
	var at []int64
	switch {
	case stbl.Stco != nil:
		for _, o := range stbl.Stco.ChunkOffset {
			at = append(at, int64(o))
		}
	case stbl.Co64 != nil:
		for _, o := range stbl.Co64.ChunkOffset {
			at = append(at, clamp(o))
		}
	}
	if stbl.Stsc == nil || len(at) == 0 {
		f.problem(Error, "track %d has a malformed chunk table", t.ID)
		return
	}
	n, entry := uint32(1), 0
	for i, offset := range at {
		for entry+1 < len(stbl.Stsc.Entries) && stbl.Stsc.Entries[entry+1].FirstChunk <= uint32(i+1) {
			entry++
		}
		if entry == len(stbl.Stsc.Entries) {
			break
		}
		end := offset
		for c := stbl.Stsc.Entries[entry].SamplesPerChunk; c > 0 && n <= stbl.Stsz.SampleNumber; c-- {
			end += int64(stbl.Stsz.GetSampleSize(int(n)))
			n++
		}
		if end > f.size {
			f.problem(Error, "track %d has samples beyond the end of the file, in chunk %d at byte %d", t.ID, i+1, offset)
			return
		}
	}
	if n <= stbl.Stsz.SampleNumber {
		f.problem(Error, "track %d has %d samples without a place", t.ID, stbl.Stsz.SampleNumber-n+1)
	}
}
