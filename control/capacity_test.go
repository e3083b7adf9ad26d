package control

import (
	"math"
	"testing"
	"time"

	"github.com/callreel/callreel"
)

// loads makes those of n recordings alike.
func loads(n int, l callreel.Load) (all []callreel.Load) {
	for range n {
		all = append(all, l)
	}
	return all
}

func TestEstimate(t *testing.T) {
	known := func(n int, cores float64) []callreel.Load { return loads(n, callreel.Load{Cores: cores}) }
	for name, c := range map[string]struct {
		demand
		room       int
		used, each float64
		overloaded bool
	}{
		"nothing is known":              {demand{cores: 2, besides: 1}, 6, 0, 0.25, false},
		"by those that ran":             {demand{cores: 2, besides: 1, past: 0.2}, 8, 0, 0.2, false},
		"just begun":                    {demand{cores: 2, besides: 1, loads: known(2, 0)}, 4, 0.5, 0.25, false},
		"measured":                      {demand{cores: 2, besides: 1, past: 0.9, loads: known(5, 0.2)}, 3, 1, 0.2, false},
		"one of them has just begun":    {demand{cores: 2, besides: 1, loads: append(known(4, 0.2), callreel.Load{})}, 3, 1, 0.2, false},
		"some large":                    {demand{cores: 2, besides: 1, loads: append(known(2, 0.1), known(2, 0.5)...)}, 1, 1.2, 0.3, false},
		"with what is done besides":     {demand{cores: 2, besides: 1.5, loads: known(5, 0.2)}, 0, 1.5, 0.3, false},
		"full":                          {demand{cores: 2, besides: 1, loads: known(9, 0.2)}, 0, 1.8, 0.2, false},
		"a small machine takes one":     {demand{cores: 0.2, besides: 1}, 1, 0, 0.25, false},
		"and no more":                   {demand{cores: 0.2, besides: 1, loads: known(1, 0.1)}, 0, 0.1, 0.1, false},
		"bound":                         {demand{cores: 2, besides: 1, bound: 3, loads: known(1, 0.1)}, 2, 0.1, 0.1, false},
		"beyond the bound":              {demand{cores: 2, besides: 1, bound: 3, loads: known(4, 0.1)}, 0, 0.4, 0.1, false},
		"overloaded":                    {demand{cores: 9, besides: 1, loads: append(known(2, 0.1), callreel.Load{Cores: 0.1, Level: 1})}, 0, 0.3, 0.1, true},
		"late":                          {demand{cores: 9, besides: 1, loads: loads(1, callreel.Load{Cores: 0.1, Lateness: time.Second})}, 0, 0.1, 0.1, true},
		"a little late":                 {demand{cores: 1, besides: 1, loads: loads(1, callreel.Load{Cores: 0.1, Lateness: 100 * time.Millisecond})}, 7, 0.1, 0.1, false},
		"the system tells no CPU times": {demand{cores: 2, besides: 1, loads: known(6, 0)}, 0, 1.5, 0.25, false},
	} {
		const eps = 1e-9
		if e := c.estimate(); e.room != c.room || math.Abs(e.used-c.used) > eps || math.Abs(e.each-c.each) > eps || e.overloaded != c.overloaded {
			t.Errorf("%s: %+v, want room for %d, used %v, each %v", name, e, c.room, c.used, c.each)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	totals := func(recorded time.Duration, ended int64) callreel.Totals {
		return callreel.Totals{
			Counters: callreel.Counters{Recorded: recorded}, Ended: map[callreel.EndReason]int64{callreel.EndStopped: ended},
		}
	}
	for _, c := range []struct {
		recorded      time.Duration
		ended         int64
		running       int
		least, longer time.Duration
	}{
		{0, 0, 3, 22 * time.Second, 38 * time.Second},
		{40 * time.Minute, 10, 10, 9 * time.Second, 15 * time.Second}, // two minutes each, ten of them
		{20 * time.Hour, 10, 10, 90 * time.Second, 150 * time.Second},
		{20 * time.Second, 10, 10, 3 * time.Second, 7 * time.Second},
	} {
		seen := map[time.Duration]bool{}
		for range 200 {
			d := jitter(nextEnd(totals(c.recorded, c.ended), c.running))
			seen[d] = true
			if d < c.least || d > c.longer {
				t.Fatalf("%+v: after %v", c, d)
			}
		}
		if len(seen) < 3 {
			t.Errorf("%+v: always after %v", c, seen)
		}
	}
}

func TestVerbsHaveNames(t *testing.T) {
	for _, e := range routes() {
		if e.verb.String() == "" {
			t.Errorf("%s %s has no name", e.method, e.path)
		}
	}
}
