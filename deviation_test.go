package callreel

import (
	"testing"
	"time"
)

func TestDeviationOfADay(t *testing.T) {
	var d deviation
	for range 24 * 3600 * 50 {
		d.add(-4000)
	}
	if d.mean() != 250*time.Millisecond || d.p95() != 64*time.Millisecond {
		t.Errorf("mean %v, p95 %v", d.mean(), d.p95())
	}
	if d = (deviation{}); d.mean() != 0 || d.p95() != 0 {
		t.Errorf("of nothing: mean %v, p95 %v", d.mean(), d.p95())
	}
}
