// Package simulate makes participants out of nothing: each joins a running WHIP
// server (RFC 9725) over real WebRTC and sends coded pictures and sound, so that
// a call can be demonstrated, tested and loaded without people and browsers.
//
// A recording of them can be checked by machine and by eye. Each participant has
// a colour, a name and a beep of its own, a ball that moves in every frame, and a
// running timecode. [ReadStrip] reads from a picture, even when it was scaled
// down and coded again, who is in it and when it was drawn. At each whole second
// of the shared epoch a white square flashes, see [ReadFlash], and the beep
// sounds, both for [FlashTime].
//
// The package receives no media and knows nothing of recordings. It behaves as a
// well-connected browser does, without bandwidth estimation.
package simulate
