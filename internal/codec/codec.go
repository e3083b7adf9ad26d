// Package codec is the only place where callreel calls C: libavcodec for H.264,
// VP8, VP9, AV1, AAC, G.711 and G.722, libswscale and libyuv for scaling,
// libopus for Opus.
//
// It knows nothing of tracks, time or files: coded bytes in and pictures or
// samples out, or the other way round. Pictures are *image.YCbCr, 4:2:0; sound
// is mono float32 or int16. Objects hold C memory until Close, and are for one
// goroutine at a time.
package codec

import "errors"

// ErrClosed is returned by an object that was closed.
var ErrClosed = errors.New("codec: closed")

// ErrCorrupt marks coded data that can't be decoded, or only with damage.
var ErrCorrupt = errors.New("codec: corrupt data")

// ErrSize marks pictures that are too large, or too many at once, to be decoded.
var ErrSize = errors.New("codec: beyond the limits")

// ErrUnknown marks a codec or encoder that this build does not have.
var ErrUnknown = errors.New("codec: unknown")

// ErrUnavailable marks an encoder that this build has and that can't be opened.
var ErrUnavailable = errors.New("codec: unavailable")
