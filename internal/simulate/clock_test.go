package simulate

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

func TestClockWaitsWithoutDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		epoch := time.Now().Add(-1500 * time.Millisecond)
		c := newClock(epoch)
		if got := c.now(); got != timebase.Second*3/2 {
			t.Errorf("position %v", got.Duration())
		}
		const step = 1600
		at := c.now().Ceil(step)
		for range 3000 {
			if !c.wait(t.Context(), at) {
				t.Fatal("interrupted")
			}
			if late := time.Since(epoch) - at.Duration(); late < 0 || late > 50*time.Microsecond {
				t.Fatalf("%v late at %v", late, at.Duration())
			}
			at += step
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if c.wait(ctx, at+step) || c.wait(ctx, 0) {
			t.Error("waited in spite of the context")
		}
	})
}

func TestReportRelatesRTPToWallTime(t *testing.T) {
	track, err := webrtc.NewTrackLocalStaticRTP(audioCodecs()[0].parameters().RTPCodecCapability, "audio", "callreel")
	if err != nil {
		t.Fatal(err)
	}
	o := newOutbound(track, &codecs.OpusPayloader{}, &counters{})
	wall := time.Unix(1000, 0)
	if r := o.report(0, wall); r != nil {
		t.Errorf("report before any packet: %v", r)
	}
	for i := range 3 {
		if err := o.send(make([]byte, 10), timebase.Ticks(i)*audioFrame); err != nil {
			t.Fatal(err)
		}
	}
	r := o.report(timebase.Second+1, wall)
	if r.PacketCount != 3 || r.OctetCount != 30 || r.RTPTime-o.base != 48001 || r.NTPTime != timebase.NTP(wall) {
		t.Errorf("%+v", r)
	}
}
