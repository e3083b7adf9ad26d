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
