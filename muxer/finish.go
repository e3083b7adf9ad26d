package muxer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/mp4"
)

// unknown is the duration of a chunk that ends with its media.
const unknown = -1

// Info says what a finished file holds.
type Info struct {
	// Duration is that of the presentation, in ticks.
	Duration int64
	// Bytes is the size of the file.
	Bytes int64
	// VideoBytes and AudioBytes are those of the samples.
	VideoBytes, AudioBytes int64
	// Fragments and KeyFrames is how many there are.
	Fragments, KeyFrames int
	// Trimmed is how many bytes of a fragment that was not whole, or of an
	// earlier index, were cut off.
	Trimmed int64
}

// Finish completes a file of this package that was cut off after any of its
// size bytes, or any part of which was not written: it trims it to the last whole
// fragment, puts the durations into the header and appends the random access
// index (mfra, 8.8.9). Nothing is copied, but all is read and compared with its
// checksums. Finishing a finished file changes nothing. It does not close f.
//
// Both tracks end together: where the last sample of one merely overlaps the
// end of the other, it is shortened.
//
// [ErrNotChunk] and [ErrNoMedia] say that the file was left as it was, and
// [ErrNoIndex] that it is whole but for the index. After any other error it
// plays, but should be finished again.
func Finish(f File, size int64) (Info, error) {
	return finish(f, size, 0, unknown)
}

// Complete is Finish for a file whose size bytes are known to be as they were
// written, after the last whole fragment maybe: the time it takes is that of
// reading a kilobyte for each fragment.
func Complete(f File, size int64) (Info, error) {
	return finish(f, size, size, unknown)
}

// Examine returns what Finish would, and changes nothing.
func Examine(f io.ReaderAt, size int64) (Info, error) {
	return finish(examined{f}, size, 0, unknown)
}

// examined is a file to which nothing is written.
type examined struct{ io.ReaderAt }

func (examined) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (examined) Truncate(int64) error                   { return nil }
func (examined) Sync() error                            { return nil }
func (examined) Close() error                           { return nil }

// finish is Finish for a file of which a part is known to be as it was written,
// and whose duration in ticks may be.
func finish(f File, size, trusted, duration int64) (Info, error) {
	m, kept, err := read(f, size, trusted)
	if err == nil && kept < m.end {
		m, _, err = read(f, kept, kept)
	}
	if err != nil {
		return Info{}, err
	}
	if m.fragments == 0 {
		return Info{}, ErrNoMedia
	}
	info := Info{Trimmed: size - m.end}
	if err := m.takeSpare(); err != nil {
		return Info{}, err
	}
	info.Fragments, info.Bytes = m.fragments, m.end
	for _, t := range m.tracks {
		if t.video {
			info.KeyFrames, info.VideoBytes = len(t.entries), t.bytes
		} else {
			info.AudioBytes = t.bytes
		}
	}
	info.Duration = m.setDurations(duration)
	if err := m.writeBack(f); err != nil {
		return info, fmt.Errorf("muxer: finish: %w", err)
	}
	n, err := m.appendIndex(f)
	if err != nil {
		if err := errors.Join(f.Truncate(m.end), f.Sync()); err != nil {
			return info, fmt.Errorf("muxer: take back the index: %w", err)
		}
		return info, fmt.Errorf("%w: %w", ErrNoIndex, err)
	}
	info.Bytes += n
	if err := f.Sync(); err != nil {
		return info, fmt.Errorf("muxer: sync: %w", err)
	}
	return info, nil
}

// read reads a file and returns where to cut it off.
func read(f io.ReaderAt, size, trusted int64) (m *movie, kept int64, err error) {
	if m, err = readMovie(f, size); err != nil {
		return nil, 0, fmt.Errorf("muxer: read header: %w", noHeader(f, size, err))
	}
	if kept, err = m.scan(f, size, trusted); err != nil {
		return nil, 0, fmt.Errorf("muxer: read fragments: %w", err)
	}
	return m, kept, nil
}

// noHeader tells why a header can't be read: the file ends before it does, it was
// never written, or it is not ours.
func noHeader(f io.ReaderAt, size int64, err error) error {
	if ignoreEnd(err) == nil {
		return ErrNoMedia
	}
	if !errors.Is(err, ErrNotChunk) {
		return err
	}
	if hole, e := hasHole(f, 0, min(size, maxHeader)); hole || e != nil {
		return errors.Join(ErrNoMedia, e)
	}
	return err
}

// setDurations ends the tracks and fills in the header. It returns the duration
// of the movie.
func (m *movie) setDurations(duration int64) int64 {
	var whole int64
	for _, t := range m.tracks {
		end := int64(0)
		if t.moof.raw != nil {
			end = t.endAt(m.target(t, duration))
		}
		put64(t.tkhd, 28, end)
		put64(t.elst, 8, end)
		put64(t.mdhd, 24, t.decoded)
		whole = max(whole, end)
	}
	put64(m.mvhd, 24, whole)
	put64(m.mehd, 4, whole)
	return whole
}

// target is where a track should end: with the chunk, if that is known, or with
// the track that ends first, if it is within the last sample.
func (m *movie) target(t *media, duration int64) int64 {
	if duration != unknown {
		return duration
	}
	target := t.end()
	for _, other := range m.tracks {
		if other.moof.raw != nil && other.end() > t.end()-t.last*t.ticks {
			target = min(target, other.end())
		}
	}
	return target
}

// endAt ends a track at a position in ticks as well as can be, and returns
// where it does. A last sample is shortened, a last picture also shown for up
// to twice as long.
func (t *media) endAt(target int64) int64 {
	change := (target - t.end()) / t.ticks
	if change < 0 && t.last+change > 0 || t.video && change > 0 && change < t.last {
		t.setLast(t.last + change)
	}
	return min(max(target, 0), t.end())
}

// writeBack trims the file to its whole fragments and writes what was changed
// in place.
func (m *movie) writeBack(f File) error {
	if m.spare != nil {
		if _, err := f.WriteAt(m.spare, m.end-int64(len(m.spare))); err != nil {
			return err
		}
	}
	if err := f.Truncate(m.end); err != nil {
		return err
	}
	for _, t := range m.tracks {
		if _, err := f.WriteAt(t.moof.raw, t.moof.at); err != nil {
			return err
		}
	}
	_, err := f.WriteAt(m.moov, m.at)
	return err
}

// appendIndex appends an mfra and returns its size.
func (m *movie) appendIndex(f io.WriterAt) (int64, error) {
	mfra := &mp4.MfraBox{}
	for _, t := range m.tracks {
		if err := mfra.AddChild(m.tfra(t)); err != nil {
			return 0, err
		}
	}
	mfro := &mp4.MfroBox{}
	if err := mfra.AddChild(mfro); err != nil {
		return 0, err
	}
	mfro.ParentSize = uint32(mfra.Size())
	var buf bytes.Buffer
	if err := mfra.Encode(&buf); err != nil {
		return 0, err
	}
	_, err := f.WriteAt(buf.Bytes(), m.end)
	return int64(buf.Len()), err
}

// tfra lists the random access points of a track (8.8.10): the key frames of
// video, and of audio the first frame of each fragment that has one of these.
func (m *movie) tfra(t *media) *mp4.TfraBox {
	const bytes1, bytes4 = 0, 3 // lengths of numbers, less one
	b := &mp4.TfraBox{
		Version: 1, TrackID: t.id,
		LengthSizeOfTrafNum: bytes1, LengthSizeOfTrunNum: bytes1, LengthSizeOfSampleNum: bytes4,
	}
	keys := map[int64]bool{}
	video := false
	for _, other := range m.tracks {
		video = video || other.video
		for _, e := range other.entries {
			keys[e.moof] = keys[e.moof] || other.video
		}
	}
	for _, e := range t.entries {
		if video && !keys[e.moof] {
			continue
		}
		b.Entries = append(b.Entries, mp4.TfraEntry{
			Time: uint64(e.time), MoofOffset: uint64(e.moof),
			TrafNumber: e.traf, TrunNumber: 1, SampleNumber: e.sample,
		})
	}
	return b
}
