package e2e

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/opusframe"
)

// checkSpared checks that decoding is saved on what browsers send: of packets of
// hybrid mode, which is for speech, what is above 8 kHz, and all from somebody who
// is muted but a few packets that come again and again.
func checkSpared(t *testing.T, file, speaks, muted string) {
	t.Helper()
	heard := soundOf(t, file)
	hybrid, cut := 0, 0
	for _, p := range heard[speaks] {
		if p[0]&0xe0 == 0x60 {
			hybrid++
		}
		if _, ok := opusframe.Wideband(nil, p); ok {
			cut++
		}
	}
	t.Logf("of %d packets, %d are of hybrid mode", len(heard[speaks]), hybrid)
	if cut < hybrid*95/100 {
		t.Errorf("of %d packets of hybrid mode, %d can do without what is above 8 kHz", hybrid, cut)
	}
	distinct := make(map[string]bool)
	for _, p := range heard[muted] {
		distinct[string(p)] = true
	}
	if all := len(heard[muted]); all < 200 || len(distinct) > all/10 {
		t.Errorf("of %d packets of %s, who is muted, %d differ", all, muted, len(distinct))
	}
}

// TestOpenMicrophone: somebody says something for one second in four, and listens for
// three, with a microphone that is not muted. What is said is heard; the noise in
// between is what Chromium leaves of it, so low that nothing of it is in the recording,
// and it is of packets that mostly say so themselves.
func TestOpenMicrophone(t *testing.T) {
	ann := browser(t, speaker().flags(t)...)
	s := serve(t, "--capture")
	ann.join(s, "room", "name=Ann&participant=ann&codec=vp8&width=320&height=180")
	s.await("room", 2)
	r := s.start("room")
	pass(t, 13*time.Second)
	m := r.stop()
	ann.hangUp()
	packets, told := soundOf(t, s.stored(r.id, "capture.pcapng"))["ann"], 0
	var meter opusframe.Meter
	for _, p := range packets {
		if _, ok := meter.Read(p); ok {
			told++
		}
	}
	const window = time.Second / 10
	said, nothing, all := 0, 0, 0
	for at := time.Second; at+window <= m.heard(); at += window {
		all++
		switch level := m.pcm.loudness(at, at+window); {
		case level > 0.02:
			said++
		case level < 1e-6:
			nothing++
		}
	}
	t.Logf("%d of %d packets say how loud they are; in %d of %d windows somebody speaks, in %d is nothing", told, len(packets), said, all, nothing)
	if told < len(packets)/2 || said < all/8 || said > all/2 || nothing < all/4 {
		t.Error("that is not as it should be")
	}
}

// speaker has a grey camera and a microphone with noise of -61 dBFS.
func speaker() fakeMedia {
	return fakeMedia{
		size: image.Pt(320, 180), fps: 10, length: 30 * time.Second,
		draw: func(img *image.YCbCr, frame int) { fill(img.Y, byte(64+frame)) },
		sound: func(pcm []float64) {
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range pcm {
				pcm[i] = (2*rng.Float64() - 1) * 30 / 32768
				if s := float64(i) / fakeRate; math.Mod(s, 4) < 1 {
					pcm[i] += 0.2 * math.Sin(2*math.Pi*s*(200+50*math.Sin(20*s))) * math.Abs(math.Sin(12*s))
				}
			}
		},
	}
}

// soundOf returns the Opus packets that a capture has of each participant.
func soundOf(t *testing.T, file string) map[string][][]byte {
	t.Helper()
	opus, err := ingest.CodecByMime("audio/opus")
	must(t, err)
	sound := make(map[string][][]byte)
	for _, s := range capturedOf(t, file, opus.MimeType) {
		r := ingest.NewReceiver(ingest.ReceiverConfig{Codec: opus, Payloads: s.Payloads})
		for _, p := range s.packets {
			r.Push(p, 0)
		}
		for u, ok := r.Pop(); ok; u, ok = r.Pop() {
			sound[s.participant] = append(sound[s.participant], u.Data)
		}
	}
	return sound
}
