package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

const (
	header      = 8
	largeHeader = 16
	minFtyp     = header + 8
	maxBox      = 256 << 20 // of a box other than mdat
)

// ErrNotMP4 says that a file does not begin like an MP4.
var ErrNotMP4 = errors.New("inspect: not an MP4 file")

// File inspects size bytes. What is wrong with the file is in the report; the
// error is [ErrNotMP4] or one of r, and the report then holds what was found
// before.
func File(r io.ReaderAt, size int64) (Report, error) {
	f := &file{r: r, size: size, moofs: map[int64]bool{}}
	f.report.Bytes = size
	if err := f.walk(); err != nil {
		return f.report, err
	}
	f.finish()
	return f.report, nil
}

// file is what is known of a file on the way through it.
type file struct {
	r      io.ReaderAt
	size   int64
	report Report
	movie  *mp4.MoovBox
	tracks []*track
	moofs  map[int64]bool // where they lie
	mfra   *mp4.MfraBox
	moof   *mp4.MoofBox // whose mdat has to come next
	number uint32       // of the last fragment
	media  int64        // bytes in mdat boxes
}

// span is where a box lies.
type span struct {
	name      string
	at, body  int64
	end       int64
	truncated bool
}

func (s span) String() string { return fmt.Sprintf("%s at byte %d", s.name, s.at) }

func (f *file) problem(severity Severity, format string, args ...any) {
	f.report.broken = f.report.broken || severity == Error
	if len(f.report.Problems) == maxProblems {
		f.report.MoreProblems++
		return
	}
	f.report.Problems = append(f.report.Problems, Problem{severity, fmt.Sprintf(format, args...)})
}

// next reads the header of the top-level box at a position.
func (f *file) next(at int64) (span, error) {
	b := make([]byte, min(largeHeader, f.size-at))
	if n, err := f.r.ReadAt(b, at); n < len(b) {
		return span{}, fmt.Errorf("inspect: read: %w", err)
	}
	if len(b) < header {
		return span{name: "header", at: at, end: f.size, truncated: true}, nil
	}
	s := span{name: string(b[4:8]), at: at, body: at + header}
	length := uint64(binary.BigEndian.Uint32(b))
	switch {
	case length == 0:
		length = uint64(f.size - at)
	case length == 1 && len(b) == largeHeader:
		s.body = at + largeHeader
		length = binary.BigEndian.Uint64(b[header:])
	}
	s.truncated = length > uint64(f.size-at) || length < uint64(s.body-at)
	s.end = f.size
	if !s.truncated {
		s.end = at + int64(length)
	}
	return s, nil
}

// walk goes through the top-level boxes.
func (f *file) walk() error {
	for at := int64(0); at < f.size; {
		s, err := f.next(at)
		if err != nil {
			return err
		}
		if at == 0 && !beginsMP4(s.name) {
			return ErrNotMP4
		}
		if s.truncated {
			f.problem(Error, "%v is cut off or has a wrong size", s)
			return nil
		}
		if err := f.box(s); err != nil {
			return err
		}
		at = s.end
	}
	if f.size == 0 {
		return ErrNotMP4
	}
	return nil
}

func beginsMP4(name string) bool {
	switch name {
	case "ftyp", "styp", "moov", "moof", "mdat", "free", "skip", "wide":
		return true
	}
	return false
}

// box takes a whole top-level box.
func (f *file) box(s span) error {
	if f.moof != nil {
		f.fragment(s)
	}
	switch s.name {
	case "mdat":
		f.media += s.end - s.body
		return nil
	case "ftyp", "moov", "moof", "mfra":
	default:
		return nil
	}
	b, err := f.decode(s)
	if err != nil || b == nil {
		return err
	}
	switch b := b.(type) {
	case *mp4.FtypBox:
		if b.Size() < minFtyp {
			f.problem(Error, "%v is malformed: %d bytes", s, b.Size())
			return nil
		}
		f.report.Brand = b.MajorBrand()
	case *mp4.MoovBox:
		f.moov(b)
	case *mp4.MoofBox:
		f.moofs[s.at] = true
		f.report.Fragments++
		b.StartPos = uint64(s.at)
		f.moof = b
	case *mp4.MfraBox:
		f.report.Index, f.mfra = true, b
	}
	return nil
}

// decode reads a box into memory. It is nil if that was not possible because of
// what is in it.
func (f *file) decode(s span) (mp4.Box, error) {
	if s.end-s.at > maxBox || s.body-s.at != header {
		f.problem(Error, "%v is too large: %d bytes", s, s.end-s.at)
		return nil, nil
	}
	b := make([]byte, s.end-s.at)
	if n, err := f.r.ReadAt(b, s.at); n < len(b) {
		return nil, fmt.Errorf("inspect: read: %w", err)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b))) // which may be given as 0
	box, err := mp4.DecodeBoxSR(uint64(s.at), bits.NewFixedSliceReader(b))
	if err != nil {
		f.problem(Error, "%v is malformed: %v", s, err)
		return nil, nil
	}
	return box, nil
}

// finish compares what was found.
func (f *file) finish() {
	if f.moof != nil {
		f.problem(Error, "the last fragment has no mdat")
	}
	if f.movie == nil {
		f.problem(Error, "there is no moov")
		return
	}
	if len(f.tracks) == 0 {
		f.problem(Error, "there are no tracks")
	}
	for _, t := range f.tracks {
		f.finishTrack(t)
	}
	f.checkIndex()
	f.checkDuration()
	f.compareLengths()
	for _, t := range f.tracks {
		f.report.Tracks = append(f.report.Tracks, t.Track)
	}
}

// checkIndex wants the entries of mfra to be where fragments are.
func (f *file) checkIndex() {
	if f.mfra == nil {
		if f.report.Fragments > 0 {
			f.problem(Warning, "there is no index (mfra): the file was not finished, or not meant to be")
		}
		return
	}
	for _, tfra := range f.mfra.Tfras {
		for _, e := range tfra.Entries {
			if !f.moofs[int64(e.MoofOffset)] {
				f.problem(Error, "the index of track %d has a fragment at byte %d where there is none", tfra.TrackID, e.MoofOffset)
			}
		}
	}
}

// checkDuration compares the header with the longest track, give or take the
// rounding to the movie's timescale.
func (f *file) checkDuration() {
	var longest int64
	for _, t := range f.tracks {
		longest = max(longest, scale(t.Duration, f.report.Timescale, t.Timescale))
	}
	switch got := f.report.Duration; {
	case got == 0 && longest > 0:
		f.problem(Warning, "the header has no duration: the file was not finished")
	case got < longest-1 || got > longest+1:
		f.problem(Warning, "the header's duration is %d, the longest track's %d (1/%d s)", got, longest, f.report.Timescale)
	}
}

func (f *file) compareLengths() {
	var video, audio *track
	for _, t := range f.tracks {
		switch {
		case t.Kind == "video" && video == nil:
			video = t
		case t.Kind == "audio" && audio == nil:
			audio = t
		}
	}
	if video == nil || audio == nil {
		return
	}
	const micro = 1e6
	f.report.LengthDifference = scale(video.Duration, micro, video.Timescale) - scale(audio.Duration, micro, audio.Timescale)
}
