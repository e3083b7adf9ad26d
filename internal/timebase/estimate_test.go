package timebase

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLineFollowsItsPoints(t *testing.T) {
	for _, c := range []struct {
		name   string
		ppb    int64
		every  Ticks
		noise  Ticks
		within Ticks
	}{
		{"exact", 0, Second, 0, 0},
		{"fast", 200_000, 5 * Second, 0, ms},
		{"slow", -400_000, 5 * Second, 0, ms},
		{"noisy", 200_000, Second, 5 * ms, ms},
		{"dense", 100_000, 100 * ms, 5 * ms, ms},
		{"sparse", 100_000, 100 * Second, 0, 3 * ms},
		{"with gaps of an hour", 100_000, 3600 * Second, 0, ms / 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 5))
			var l line
			const far = 3_900_000_000 * Second
			for i := range Ticks(2000) {
				x := -1_000_000*Second + i*c.every
				if i > 0 && x-l.meanX > 120*Second && c.every < 3600*Second {
					within(t, "prediction", l.at(x)-far-scale(x, c.ppb), c.within)
				}
				l.add(x, far+scale(x, c.ppb)+Ticks(rng.Int64N(int64(2*c.noise+1)))-c.noise)
			}
			x := l.cells[l.n-1].x
			within(t, "in the end", l.at(x)-far-scale(x, c.ppb), c.within)
		})
	}
}

// Two reports that are a few ms apart don't make a slope.
func TestLineDoubtsEarlySlopes(t *testing.T) {
	var l line
	l.add(0, 0)
	l.add(cellSpan, 5*ms)
	if got := l.at(2 * cellSpan); got > 6*ms {
		t.Error(got.Duration())
	}
}

func TestLineIgnoresWhatIsOld(t *testing.T) {
	var l line
	l.add(0, 5)
	l.add(100*Second, 5)
	before := l
	l.add(50*Second, 7)
	if l != before {
		t.Error("an old point counted")
	}
	l.shift(11)
	if l.at(100*Second) != 16 {
		t.Error(l.at(100 * Second))
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		t    Ticks
		ppb  int64
		want Ticks
	}{{1_000_000, 1000, 1}, {1_000_000, -1000, -1}, {-1_000_000, 1000, -1}, {999_999, 1000, 0}, {999_999, -1000, -1}, {latest, 500_000, 576460752303423}, {5, 0, 0}} {
		if got := scale(c.t, c.ppb); got != c.want {
			t.Errorf("%d * %d ppb = %d, want %d", c.t, c.ppb, got, c.want)
		}
	}
}

// The filter must agree with a slow one that keeps everything.
func TestMinFilterAgainstItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, slope := range []int64{0, 300_000, -300_000} {
		var f minFilter
		var seen []point
		for now := Ticks(0); now < 200*Second; now += Ticks(rng.Int64N(int64(100 * ms))) {
			v := scale(now, slope) + Ticks(rng.Int64N(int64(200*ms)))
			f.add(v, now, slope)
			seen = append(seen, point{now, v})
			const bucket = minSpan / minBuckets
			oldest := now.Floor(bucket) - (minBuckets-1)*bucket
			seen = slices.DeleteFunc(seen, func(p point) bool { return p.at < oldest })
			least := slices.MinFunc(seen, func(a, b point) int { return int(a.ahead(now, slope) - b.ahead(now, slope)) })
			if got, want := f.best.ahead(now, slope), least.ahead(now, slope); !near(got, want, 1) {
				t.Fatalf("%v at %v, want %v", got, now, want)
			}
		}
	}
}

func TestDriftOfTheLowerEdge(t *testing.T) {
	for _, ppb := range []int64{0, 50_000, 200_000, -200_000, 400_000, -400_000} {
		for _, change := range []Ticks{35 * Second, 100 * Second} {
			rng := rand.New(rand.NewPCG(7, 7))
			var d drift
			for now := Ticks(0); now < 300*Second; now += 20 * ms {
				path := Ticks(0)
				if now > change {
					path = 80 * ms
				}
				d.add(point{now, scale(now, ppb) + path + Ticks(rng.Int64N(int64(30*ms)))})
				if d.known && (now < 40*Second || abs(Ticks(d.ppb-ppb)) > 50_000) {
					t.Fatalf("%d ppb at %v, want %d", d.ppb, now.Duration(), ppb)
				}
			}
			if !d.known || abs(Ticks(d.ppb-ppb)) > 10_000 || abs(Ticks(d.least)) > abs(Ticks(d.ppb)) {
				t.Errorf("%d ppb, at least %d, want %d", d.ppb, d.least, ppb)
			}
		}
	}
}

func TestSpreadIsTheLate95thOf100(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, most := range []Ticks{1, 5, 100, 30 * ms, 300 * ms, 20 * Second} {
		var s spread
		var all []Ticks
		for i := range Ticks(900) {
			late := Ticks(rng.Int64N(int64(most)))
			all = append(all, late)
			s.add(late, i*10*ms)
		}
		slices.Sort(all)
		want := all[len(all)*95/100]
		if got := s.percentile(95); got > want || want-got > want/8+1 {
			t.Errorf("up to %d: %d, want %d", most, got, want)
		}
	}
	var s spread
	if s.percentile(95) != 0 {
		t.Error("something of nothing")
	}
	s.add(Second, 0)
	s.add(0, 15*Second)
	s.add(0, 30*Second)
	if s.percentile(95) != 0 {
		t.Error("the past is not forgotten")
	}
	for step := range spreadSteps {
		if got := spreadStep(spreadValue(step)); got != step {
			t.Errorf("step %d became %d", step, got)
		}
	}
}

func TestSpreadOfATrack(t *testing.T) {
	s := newSender(new(Sync), 48000, 0)
	s.run(0, 20*Second, 30*ms, 100*ms, true)
	if got := s.m.Spread(); !near(got, 90*ms, 10*ms) {
		t.Error(got.Duration())
	}
}
