package muxer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/mp4"
)

const (
	maxFtyp = 1 << 10
	maxMoov = 1 << 20
	maxMoof = 4 << 20
	// maxHeader is more than a header of this package takes.
	maxHeader = 4 << 10

	minScale = 6000 // of a track
)

// movie is the header of a file that this package wrote, in bytes that can be
// changed and written back, and what is known about the fragments.
type movie struct {
	moov      []byte // the whole box
	at        int64  // where it lies
	mvhd      []byte
	mehd      []byte
	tracks    []*media
	fragments int
	end       int64  // of the last whole fragment
	spare     []byte // fragment that is to follow it
}

// media is a track of a movie. Times are in its timescale.
type media struct {
	id    uint32
	video bool
	ticks int64 // ticks per unit of the timescale
	tkhd  []byte
	mdhd  []byte
	elst  []byte
	lead  int64 // media time at which the presentation begins

	bytes   int64   // of the samples
	decoded int64   // end in decode time
	delay   int64   // composition offset of the first sample
	last    int64   // duration of the last sample
	moof    moof    // with the last sample
	patch   []byte  // of its duration, within moof
	entries []entry // of the index
}

// moof is a movie fragment box and where it lies.
type moof struct {
	raw []byte
	at  int64
}

// entry is a random access point (8.8.10).
type entry struct {
	time         int64
	moof         int64
	traf, sample uint32
}

// end is where the presentation of the track ends, in ticks from the beginning
// of the chunk.
func (t *media) end() int64 { return (t.decoded + t.delay - t.lead) * t.ticks }

// boxAt reads the header of the box at a position. If the box does not end
// within size, the error is [io.ErrUnexpectedEOF], and only its name is known.
func boxAt(f io.ReaderAt, at, size int64) (name string, header, length int64, err error) {
	var b [largeHeader]byte
	if size-at < boxHeader {
		return "", 0, 0, io.ErrUnexpectedEOF
	}
	n := min(largeHeader, size-at)
	if err := readFull(f, b[:n], at); err != nil {
		return "", 0, 0, err
	}
	header, length = boxHeader, int64(be32(b[:], 0))
	if length == 1 && n == largeHeader {
		header, length = largeHeader, be64(b[:], boxHeader)
	}
	name = string(b[4:8])
	if length < header || length > size-at {
		return name, 0, 0, io.ErrUnexpectedEOF
	}
	return name, header, length, nil
}

func readFull(f io.ReaderAt, b []byte, at int64) error {
	if n, err := f.ReadAt(b, at); n < len(b) {
		return err
	}
	return nil
}

// readBox reads a whole box of a given name and a limited size.
func readBox(f io.ReaderAt, at, size int64, name string, limit int64) ([]byte, error) {
	got, _, length, err := boxAt(f, at, size)
	if got != "" && got != name || length > limit {
		return nil, fmt.Errorf("%w: %q of %d bytes where %q should be", ErrNotChunk, got, length, name)
	}
	if err != nil {
		return nil, err
	}
	b := make([]byte, length)
	return b, readFull(f, b, at)
}

// readMovie reads the header. A file that ends before its header does has no
// media; one that is something else is not ours.
func readMovie(f io.ReaderAt, size int64) (*movie, error) {
	ftyp, err := readBox(f, 0, size, "ftyp", maxFtyp)
	if err != nil {
		return nil, err
	}
	m := &movie{at: int64(len(ftyp))}
	m.moov, err = readBox(f, m.at, size, "moov", maxMoov)
	if err != nil {
		return nil, err
	}
	m.end = m.at + int64(len(m.moov))
	body := m.moov[boxHeader:]
	m.mvhd = full(find(body, "mvhd"), 1, 108)
	m.mehd = full(find(body, "mvex", "mehd"), 1, 12)
	if m.mvhd == nil || m.mehd == nil || be32(m.mvhd, 20) != TickRate {
		return nil, fmt.Errorf("%w: other movie header", ErrNotChunk)
	}
	for trak := range boxes(body) {
		if string(trak.name) != "trak" {
			continue
		}
		t, err := readTrack(trak.body)
		if err != nil {
			return nil, err
		}
		if m.track(t.id) != nil {
			return nil, fmt.Errorf("%w: two tracks with ID %d", ErrNotChunk, t.id)
		}
		m.tracks = append(m.tracks, t)
	}
	return m, nil
}

func (m *movie) track(id uint32) *media {
	for _, t := range m.tracks {
		if t.id == id {
			return t
		}
	}
	return nil
}

func readTrack(trak []byte) (*media, error) {
	t := &media{
		tkhd: full(find(trak, "tkhd"), 1, 96),
		mdhd: full(find(trak, "mdia", "mdhd"), 1, 36),
		elst: full(find(trak, "edts", "elst"), 1, 28),
	}
	hdlr := full(find(trak, "mdia", "hdlr"), 0, 12)
	if t.tkhd == nil || t.mdhd == nil || t.elst == nil || hdlr == nil || be32(t.elst, 4) != 1 {
		return nil, fmt.Errorf("%w: other track header", ErrNotChunk)
	}
	scale := int64(be32(t.mdhd, 20))
	t.id, t.video, t.lead = be32(t.tkhd, 20), string(hdlr[8:12]) == "vide", be64(t.elst, 16)
	if scale < minScale || TickRate%scale != 0 || t.lead < 0 || t.lead > maxPosition {
		return nil, fmt.Errorf("%w: timescale %d, edit at %d", ErrNotChunk, scale, t.lead)
	}
	t.ticks = TickRate / scale
	return t, nil
}

// scan reads the fragments up to the first that is not whole, and returns the
// end of what can be kept. What begins before trusted was written as it is.
//
// A fragment that a disk has damaged since is kept, as what follows it needs it;
// with nothing good behind it, it is not, like one that was written in part.
func (m *movie) scan(f io.ReaderAt, size, trusted int64) (kept int64, err error) {
	kept = m.end
	for {
		raw, length, err := readFragment(f, m.end, size)
		if err != nil {
			return kept, err
		}
		if raw == nil {
			spare, n, err := readSpare(f, m.end, size)
			if err != nil || spare == nil || m.fragments == 0 {
				return kept, err
			}
			m.spare, m.end = spare, m.end+n
			kept = m.end
			continue
		}
		c := whole
		if m.end >= trusted {
			if c, err = m.examine(f, raw, length); err != nil {
				return kept, err
			}
		}
		if c == unwritten || !m.add(moof{raw, m.end}, length) {
			return kept, nil
		}
		m.end += length
		m.fragments++
		m.spare = nil
		if c != damaged {
			kept = m.end
		}
	}
}

// readFragment reads the moof at a position and the length of the fragment, or
// nil if there is no whole one.
func readFragment(f io.ReaderAt, at, size int64) (raw []byte, length int64, err error) {
	name, header, n, err := boxAt(f, at, size)
	if err != nil || name != "moof" || header != boxHeader || n > maxMoof {
		return nil, 0, ignoreEnd(err)
	}
	name, header, mdat, err := boxAt(f, at+n, size)
	if err != nil || name != "mdat" || header != boxHeader {
		return nil, 0, ignoreEnd(err)
	}
	raw = make([]byte, n)
	return raw, n + mdat, readFull(f, raw, at)
}

// ignoreEnd takes the end of the file for what it is: no error.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// run is what a traf says.
type run struct {
	track  *media
	time   int64
	trun   []byte
	offset int64 // of its data
	stride int
}

// add takes a fragment of a length, if all of it is as this package writes it.
func (m *movie) add(moof moof, length int64) bool {
	offset := int64(len(moof.raw)) + boxHeader
	var runs []run
	for b := range boxes(moof.raw[boxHeader:]) {
		if string(b.name) != "traf" {
			continue
		}
		r, ok := m.readRun(b.body)
		if !ok || r.offset != offset {
			return false
		}
		for i := range r.count() {
			offset += int64(be32(r.sample(i), 4))
		}
		for _, other := range runs {
			if other.track == r.track {
				return false
			}
		}
		runs = append(runs, r)
	}
	if len(runs) == 0 || offset != length {
		return false
	}
	for i, r := range runs {
		r.track.add(r, moof, uint32(i+1))
	}
	return true
}

// readRun reads a traf with a tfhd, a tfdt and one trun that continues the
// track.
func (m *movie) readRun(traf []byte) (run, bool) {
	tfhd := full(find(traf, "tfhd"), 0, 8)
	tfdt := full(find(traf, "tfdt"), 1, 12)
	trun := full(find(traf, "trun"), 1, 12)
	if tfhd == nil || tfdt == nil || trun == nil || be32(tfhd, 0) != mp4.TfhdDefaultBaseIsMoofFlag {
		return run{}, false
	}
	t := m.track(be32(tfhd, 4))
	if t == nil {
		return run{}, false
	}
	want, stride := uint32(trunDataOffset|trunDuration|trunSize), 8
	if t.video {
		want, stride = want|trunFlags|trunCompositionOffset, 16
	}
	r := run{t, be64(tfdt, 4), trun[12:], int64(be32(trun, 8)), stride}
	count := be32(trun, 4)
	whole := be32(trun, 0)&0xffffff == want && count > 0 && uint64(len(r.trun)) == uint64(count)*uint64(stride)
	return r, whole && r.time == t.decoded && r.time < maxPosition
}

func (r run) count() int { return len(r.trun) / r.stride }

// sample is the entry of sample i: duration, size and, of video, flags and
// composition offset.
func (r run) sample(i int) []byte { return r.trun[i*r.stride:] }

// add takes the samples of the traf with a number in moof.
func (t *media) add(r run, moof moof, traf uint32) {
	for i := range r.count() {
		s := r.sample(i)
		shown := t.decoded
		if t.video {
			offset := int64(int32(be32(s, 12)))
			if t.moof.raw == nil {
				t.delay = offset
			}
			shown += offset
		}
		if i == 0 && !t.video || t.video && be32(s, 8) == syncFlags {
			t.entries = append(t.entries, entry{shown, moof.at, traf, uint32(i + 1)})
		}
		t.moof, t.patch, t.last = moof, s[:4], int64(be32(s, 0))
		t.decoded += t.last
		t.bytes += int64(be32(s, 4))
	}
}

// setLast changes the duration of the last sample.
func (t *media) setLast(d int64) {
	t.decoded += d - t.last
	t.last = d
	binary.BigEndian.PutUint32(t.patch, uint32(d))
}
