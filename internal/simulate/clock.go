package simulate

import (
	"context"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// clock is the one media clock of a participant. Positions count from the epoch;
// it runs on the monotonic clock, so that steps of the wall clock don't show.
type clock struct {
	started time.Time      // with a monotonic reading
	origin  timebase.Ticks // the position then
}

func newClock(epoch time.Time) clock {
	now := time.Now()
	return clock{now, timebase.FromDuration(now.Sub(epoch))}
}

// now returns the position.
func (c clock) now() timebase.Ticks {
	return c.origin + timebase.FromDuration(time.Since(c.started))
}

// at returns the wall clock time of a position.
func (c clock) at(pos timebase.Ticks) time.Time {
	return c.started.Add((pos - c.origin).Duration())
}

// wait returns at a position. It reports false if ctx ends first.
func (c clock) wait(ctx context.Context, pos timebase.Ticks) bool {
	timer := time.NewTimer(time.Until(c.at(pos)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
