package callreel

import (
	"math/rand/v2"
	"testing"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

// Reports of RED are right once one gave away at which rate it counts, and those that
// were right are left alone. Packets of 20 ms are sent 2 ms after they are complete.
func TestREDReports(t *testing.T) {
	const red, opus = 63, 111
	for _, c := range []struct {
		name string
		unit uint32 // RTP time of a millisecond in reports
		fine uint32 // and less than a millisecond
		pt   uint8
	}{
		{"libwebrtc", slowUnit, 0, red},
		{"libwebrtc without RED", opusUnit, 0, opus},
		{"corrected", opusUnit, 0, red},
		{"in microseconds", opusUnit, 5, red},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			var r redReports
			for seq := range uint16(2000) { // from second to second
				captured := uint32(seq)*opusStep - 40*opusStep // wraps
				sent := timebase.Ticks(seq)*opusStep + 22*timebase.Millisecond
				if rng.IntN(10) > 0 {
					r.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: captured, PayloadType: c.pt}}, red, sent)
				}
				if seq%50 != 49 {
					continue
				}
				since := 22 + rng.Uint32N(20) // ms
				told := captured + since*c.unit + c.fine
				got, ok := r.correct(told, sent)
				want := captured + since*opusUnit + c.fine
				if seq > 500 && (!ok || got != want) {
					t.Fatalf("packet %d: %v, %d off", seq, ok, int32(got-want))
				}
			}
		})
	}
}

// A report long after the newest packet is of no use: packets may be missing between.
func TestREDReportAfterSilence(t *testing.T) {
	var r redReports
	r.packet(&rtp.Packet{Header: rtp.Header{Timestamp: 1000, PayloadType: 63}}, 63, 0)
	if _, ok := r.correct(1000+15*slowUnit, timebase.Second); r.slow == 0 || ok {
		t.Error("it is used")
	}
	if at, ok := r.correct(1000+15*slowUnit, 0); !ok || at != 1000+15*opusUnit {
		t.Error(at, ok)
	}
}
