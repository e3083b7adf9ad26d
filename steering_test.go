package callreel

import "testing"

// TestSteering lets clocks that are off run for two minutes in packets of 20 ms.
func TestSteering(t *testing.T) {
	for _, c := range []struct {
		ppm   int64 // by how much the clock is fast
		start int64 // samples of error at first
	}{{0, 0}, {200, 0}, {-200, 0}, {0, 32}, {0, -1600}, {400, 4000}} {
		const packet = 320
		var s steering
		var got int32
		off := c.start * million // samples, in millionths
		for n := range 120 * 50 {
			got = s.drift(off/million, packet)
			if n == 0 && c.start == 0 && got != 0 {
				t.Errorf("%d ppm without an error", got)
			}
			// Of a fast clock more samples come in the same time.
			off += (int64(got) - c.ppm) * packet
		}
		if d := int64(got) - c.ppm; d < -30 || d > 30 || off < -10*million || off > 10*million {
			t.Errorf("%+v: steered by %d ppm, %d samples off in the end", c, got, off/million)
		}
	}
}

func TestSteeringIsBounded(t *testing.T) {
	for _, off := range []int64{1 << 30, -1 << 30, jump, -jump} {
		var s steering
		for range 10000 {
			if got := s.drift(off, 1920); got > maxStretch || got < -maxStretch || (got > 0) == (off > 0) {
				t.Fatalf("%d ppm for %d samples", got, off)
			}
		}
	}
	var s steering
	for range 1_000_000 {
		s.drift(fine, 1920)
	}
	if got := s.drift(0, 1920); got < -maxClock || got > -maxClock+1 {
		t.Errorf("a drift of %d ppm is remembered", got)
	}
}
