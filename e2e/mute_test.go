package e2e

import (
	"testing"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/silk"
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
		if _, ok := silk.Wideband(nil, p); ok {
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
