package muxer

import (
	"errors"
	"fmt"
)

// What can be wrong with a sample. It was not taken, and the muxer goes on with
// the next call as if it had not been offered.
var (
	// ErrOverlap: the sample begins before the one before it ends.
	ErrOverlap = errors.New("begins before the sample before it ends")
	// ErrHole: something is missing between the sample before it and this one.
	ErrHole = errors.New("does not follow the sample before it")
	// ErrNotKey: a chunk has to begin with a key frame (IDR) here, or a sample
	// that is said to be a key frame has no IDR slice.
	ErrNotKey = errors.New("not a key frame")
	// ErrTooLarge: the sample is larger than [MaxSampleSize].
	ErrTooLarge = errors.New("sample too large")
	// ErrBadSample: the sample contradicts itself, such as a PTS before its DTS
	// or bytes that are not length-prefixed NAL units.
	ErrBadSample = errors.New("malformed sample")
	// ErrLag: the other track is so far behind that the muxer holds as much as
	// it may. The sample may be offered again after samples of the other track.
	ErrLag = errors.New("other track lags behind")
	// ErrNoTrack: the recording has no such track.
	ErrNoTrack = errors.New("no such track")
)

// What can be wrong with a position or with a muxer.
var (
	// ErrCut: the recording cannot be cut there.
	ErrCut = errors.New("muxer: cannot cut there")
	// ErrShort: a track ended before the recording did. The chunk is finished
	// and that track is shorter than the other.
	ErrShort = errors.New("muxer: track ends before the recording")
	// ErrPastEnd: video lies beyond the end of the recording. It was left out.
	ErrPastEnd = errors.New("muxer: video beyond the end")
	// ErrClosed: the muxer was closed.
	ErrClosed = errors.New("muxer: closed")
)

// What keeps [Finish] from completing a file.
var (
	// ErrNotChunk: the file was not written by this package.
	ErrNotChunk = errors.New("muxer: not a chunk of a recording")
	// ErrNoMedia: the file was cut before its first fragment was whole.
	ErrNoMedia = errors.New("muxer: no whole fragment")
	// ErrNoIndex: there is no room for the index, so the file was finished without.
	ErrNoIndex = errors.New("muxer: no index")
)

// SampleError says which sample was refused. Err is, or wraps, one of the
// package's errors.
type SampleError struct {
	Track    string // "video" or "audio"
	PTS, DTS int64  // in the track's timescale
	Err      error
}

func (e *SampleError) Error() string {
	return fmt.Sprintf("muxer: %s sample at PTS %d, DTS %d: %v", e.Track, e.PTS, e.DTS, e.Err)
}

func (e *SampleError) Unwrap() error { return e.Err }
