// Package muxer writes coded video and audio into fragmented MP4 files
// (ISO/IEC 14496-12, -14 and -15), called chunks, and repairs a chunk that was
// cut off at any byte.
//
// It is told where things lie on the recording's timeline and keeps to it to
// the sample: chunk n ends where chunk n+1 begins, on both tracks. A cut falls
// in the middle of an AAC frame as a rule. The frame that covers the cut is
// therefore in both chunks, with one more before it in the later one, because
// an AAC decoder needs the frame before to restore a frame; edit lists (8.6.6)
// say which samples of these frames are heard. After the edit lists nothing is
// lost and nothing repeated.
//
// A chunk is appended to in fragments, each of which is synced, so that a crash
// costs the open fragment at most. [Finish] then completes a file in place:
// exact durations in the header, and a random access index (mfra) at the end.
// The same function completes a chunk of a running recording and recovers one
// after a crash.
//
// The package is driven by calls alone: no goroutine, no clock, and no file
// that its caller did not hand it. The same calls give the same bytes. It does
// not encode, does not repair timestamps, and does not fill holes: a sample
// that does not follow the one before it is an error.
package muxer
