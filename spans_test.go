package callreel

import (
	"slices"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

func TestSpansJoinAndAreBounded(t *testing.T) {
	var s spans
	s.add(0, 100*timebase.Millisecond)
	s.add(100*timebase.Millisecond, 200*timebase.Millisecond) // continues
	s.add(150*timebase.Millisecond, 180*timebase.Millisecond) // is in it
	s.add(300*timebase.Millisecond, 400*timebase.Millisecond)
	want := []Span{{0, 200 * time.Millisecond}, {300 * time.Millisecond, 100 * time.Millisecond}}
	if r := s.report(); r.Total != 300*time.Millisecond || r.Count != 2 || !slices.Equal(r.List, want) {
		t.Errorf("%+v", r)
	}
	for i := range timebase.Ticks(1000) {
		s.add(timebase.Second+2*i, timebase.Second+2*i+1)
	}
	s.add(s.last, s.last+1) // continues one that is not listed
	if r := s.report(); r.Count != 1002 || len(r.List) != maxSpans || s.total != 300*timebase.Millisecond+1001 {
		t.Errorf("%d spans, %d of them listed, %v", r.Count, len(r.List), r.Total)
	}
}
