// Package e2e tests the callreel command as its users have it: the built binary
// is run, called over HTTP and joined over WebRTC, by headless Chromium and by
// simulated participants, and the files that it makes are decoded by FFmpeg and
// played by Chromium. What single packages promise is tested there.
//
// The tests need ffmpeg and ffprobe; those that need chromium are skipped without
// it, and those that need a network that loses packets without root, iproute2 or
// nftables. With -shots DIR they leave pictures of the recordings for people to see.
package e2e
