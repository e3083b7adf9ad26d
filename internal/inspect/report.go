// Package inspect says what is in an MP4 file (ISO/IEC 14496-12) and whether it
// is whole: tracks, codecs, durations, the frame grid, fragments, key frames,
// holes, edit lists and everything that contradicts itself. It reads headers
// only, fragmented files as well as progressive ones, and holds no media in
// memory. It does not decode, and it does not repair: see muxer.Finish.
package inspect

import "time"

// Lists in a report are no longer than these; counts are exact regardless.
const (
	maxProblems  = 100
	maxGaps      = 100
	maxPositions = 10000
)

// Report is what a file holds. Unless it says otherwise, a time is in the
// timescale of what it stands in: the movie's, or a track's.
type Report struct {
	// Bytes is the size of the file.
	Bytes int64 `json:"bytes"`
	// Brand is the major brand of ftyp.
	Brand string `json:"brand"`
	// Fragmented says that the movie may have fragments (mvex).
	Fragmented bool `json:"fragmented"`
	// Created is what the movie header says. Zero means nothing.
	Created time.Time `json:"created,omitzero"`
	// Timescale is that of the movie in Hz.
	Timescale int64 `json:"timescale"`
	// Duration is what the header says: mehd, or mvhd without it. Zero means
	// unknown, as in a file that was not finished.
	Duration int64 `json:"duration"`
	// Fragments counts moof boxes; NoKeyFrame those whose video does not begin
	// with a key frame.
	Fragments  int `json:"fragments"`
	NoKeyFrame int `json:"fragmentsWithoutKeyFrame"`
	// Index says that there is an mfra box.
	Index bool `json:"index"`
	// LengthDifference is by how many microseconds the video is longer than the
	// audio. Zero if there are not both.
	LengthDifference int64 `json:"lengthDifferenceMicroseconds"`
	// Tracks are in the order of the file.
	Tracks []Track `json:"tracks"`
	// Problems are what is wrong, in the order in which it was met.
	Problems []Problem `json:"problems"`
	// MoreProblems is how many did not fit into the list.
	MoreProblems int `json:"moreProblems,omitempty"`

	broken bool
}

// Track is a track of a file.
type Track struct {
	ID int64 `json:"id"`
	// Kind is video, audio or the handler's four letters.
	Kind string `json:"kind"`
	// Codec is as in RFC 6381, such as avc1.640028 or mp4a.40.2.
	Codec string `json:"codec"`
	// Profile and Level are of H.264 and AAC, as far as they have one.
	Profile string `json:"profile,omitempty"`
	Level   string `json:"level,omitempty"`
	// Width and Height are in pixels.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// SampleRate is in Hz.
	SampleRate int     `json:"sampleRate,omitempty"`
	Channels   int     `json:"channels,omitempty"`
	Colour     *Colour `json:"colour,omitempty"`
	// Timescale is in Hz.
	Timescale int64 `json:"timescale"`
	// Samples and Bytes is how many there are.
	Samples int64 `json:"samples"`
	Bytes   int64 `json:"bytes"`
	// BitRate is the average in bits/s.
	BitRate int64 `json:"bitRate"`
	// Decoded is the sum of the durations of all samples.
	Decoded int64 `json:"decodedDuration"`
	// Duration is that of what is shown or heard, after the edit list.
	Duration int64 `json:"duration"`
	// FrameRate is samples/s as a fraction in lowest terms: that of the grid if
	// it is exact, else the average.
	FrameRate string `json:"frameRate,omitempty"`
	// ExactGrid says that all pictures are equally far apart when shown.
	ExactGrid bool `json:"exactGrid"`
	// KeyFrames counts sync samples of video.
	KeyFrames int64 `json:"keyFrames,omitempty"`
	// KeyPositions is where they are shown, after the edit list.
	KeyPositions []int64 `json:"keyPositions,omitempty"`
	// KeyDistance is the largest distance from one to the next or to the end.
	KeyDistance int64 `json:"largestKeyDistance,omitempty"`
	// Edits is the edit list.
	Edits []Edit `json:"edits,omitempty"`
	// Gaps are holes and overlaps in decode time, GapCount how many.
	Gaps     []Gap `json:"gaps,omitempty"`
	GapCount int   `json:"gapCount,omitempty"`
}

// Colour is a colr box of type nclx or nclc, in code points of ISO/IEC 23091-2.
type Colour struct {
	Primaries int  `json:"primaries"`
	Transfer  int  `json:"transfer"`
	Matrix    int  `json:"matrix"`
	FullRange bool `json:"fullRange"`
}

// Edit is an entry of an edit list (8.6.6).
type Edit struct {
	// Duration is in the movie's timescale. Zero means all, in a fragmented file.
	Duration int64 `json:"duration"`
	// MediaTime is where it begins, in the track's timescale; -1 is a pause.
	MediaTime int64 `json:"mediaTime"`
}

// Gap is where decode time does not go on: a hole if Length is positive, an
// overlap if it is negative.
type Gap struct {
	At     int64 `json:"at"`
	Length int64 `json:"length"`
}

// Severity says how bad a problem is.
type Severity string

// The severities.
const (
	// Error: the file is damaged or wrong.
	Error Severity = "error"
	// Warning: the file plays, but is not as it could be.
	Warning Severity = "warning"
)

// Problem is something wrong with a file.
type Problem struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

// Broken says whether there is any problem of severity [Error].
func (r Report) Broken() bool { return r.broken }
