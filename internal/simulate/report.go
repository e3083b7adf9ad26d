package simulate

import (
	"context"
	"fmt"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/rtcp"
)

const (
	firstReport    = 100 * timebase.Millisecond // after joining
	reportInterval = timebase.Second
)

// report sends a sender report about each stream every second. All of them say
// what one clock showed at one instant.
func (s *session) report(ctx context.Context) error {
	for next := s.clock.now() + firstReport; s.clock.wait(ctx, next); next += reportInterval {
		now := s.clock.now()
		for _, o := range s.outs() {
			r := o.report(now, s.clock.at(now))
			if r == nil {
				continue
			}
			if err := s.pc.WriteRTCP([]rtcp.Packet{r, describe(o.ssrc, s.who.cfg.Index)}); err != nil {
				return fmt.Errorf("%w: send RTCP: %w", ErrLost, err)
			}
		}
	}
	return nil
}

// describe returns the canonical name that has to go with each report (RFC 3550,
// section 6.1) and that the tracks of a participant share.
func describe(ssrc uint32, index int) *rtcp.SourceDescription {
	return &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: ssrc,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: fmt.Sprintf("simulated-%d", index)}},
	}}}
}
