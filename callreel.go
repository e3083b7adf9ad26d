// Package callreel records WebRTC calls into one composed MP4: every
// participant in a tile grid in H.264, all voices mixed in AAC, in fragmented
// chunks that honour pause and resume. It is the library that an SFU embeds;
// the server and the bots of this module are built on it.
//
// An [Engine] holds conversations (calls) and their recordings. A source joins
// participants to a [Conversation] and hands over their RTP; a [Recording] that
// is attached to it decodes, mixes, composes, encodes and stores. Without a
// recording nothing is decoded.
//
// The package has no HTTP and no WebRTC of its own: packets come from whatever
// the host uses. What arrives, and when, is all that decides what is in the file.
package callreel
