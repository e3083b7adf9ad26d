// Package compositor draws a call as one picture: it lays the tiles out, keeps
// each in its place, scales pictures into a 4:2:0 canvas and writes the names.
//
// A [Compositor] is pulled: its owner calls [Compositor.Compose] once per frame
// with the tiles of that instant. It has no goroutine, no clock and does no I/O,
// and the same calls give the same canvas. A tile that did not change costs a
// comparison; nothing is allocated as long as nobody joins or leaves.
//
// The canvas is 8 bit 4:2:0 in an [image.YCbCr], with the matrix of ITU-R BT.601
// in limited range (black is Y 16, white Y 235, Cb and Cr without colour are 128)
// and chroma in the middle of the four pixels that share it. That is what browsers
// send, so it costs nothing; a picture of another matrix or range is converted as
// [Tile] says. Where its chroma is, no WebRTC stream tells; it is taken to be in
// the middle, which is off by half a source pixel at most. Note that the image
// package itself takes an image.YCbCr to be full range; use [LimitedRange] to make
// colours.
//
// The package decodes and encodes nothing and does not know who is in a call.
// Text is set rune by rune, in bidirectional order but without joining: scripts
// such as Arabic and Devanagari appear as separate letters.
package compositor
