package control

import (
	"strconv"
	"testing"
	"time"
)

// However many clients come, so many are remembered, the latest.
func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter(1)
	now := time.Now()
	for i := range 3 * maxLimited {
		l.take(strconv.Itoa(i), now)
		l.take("regular", now)
	}
	if len(l.clients) != maxLimited || l.recent.Len() != maxLimited {
		t.Errorf("%d clients, %d in order", len(l.clients), l.recent.Len())
	}
	if l.take("regular", now) == 0 {
		t.Error("a client that comes all the time was forgotten")
	}
}
