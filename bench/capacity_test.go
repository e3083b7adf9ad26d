package bench

import "testing"

func TestSearch(t *testing.T) {
	for _, most := range []int{0, 1, 2, 3, 5, 8, 13, 200, maxRecordings, 1000} {
		tries := 0
		got, err := search(func(n int) (bool, error) {
			tries++
			return n <= most, nil
		})
		if want := min(most, maxRecordings); err != nil || got != want || tries > 18 {
			t.Errorf("%d instead of %d after %d tries: %v", got, want, tries, err)
		}
	}
}

func TestCapacityEach(t *testing.T) {
	c := Capacity{Recordings: 4, Tries: []Try{{Recordings: 1, PeakRSS: 170 << 20}, {Recordings: 8, PeakRSS: 999 << 20}, {Recordings: 4, PeakRSS: 410 << 20}}}
	if each, ok := c.Each(); !ok || each != 80<<20 {
		t.Errorf("each adds %d MiB, %v", each>>20, ok)
	}
	c.Recordings = 1
	if _, ok := c.Each(); ok {
		t.Error("known from one recording")
	}
}
