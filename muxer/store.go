package muxer

// taken is a sample that was taken; its data is in a store.
type taken struct {
	pts, dts, duration int64
	size               int
	key                bool
}

// store holds samples in a row, and their data in one piece, as a fragment has it.
type store struct {
	samples []taken
	data    []byte
}

// push copies a sample.
func (s *store) push(x Sample) {
	s.samples = append(s.samples, taken{x.PTS, x.DTS, x.Duration, len(x.Data), x.Key})
	s.data = append(s.data, x.Data...)
}

// add copies what another store has.
func (s *store) add(o store) {
	s.samples = append(s.samples, o.samples...)
	s.data = append(s.data, o.data...)
}

// split returns the first n samples and the rest, in the memory of s.
func (s store) split(n int) (first, rest store) {
	size := 0
	for _, x := range s.samples[:n] {
		size += x.size
	}
	return store{s.samples[:n], s.data[:size]}, store{s.samples[n:], s.data[size:]}
}

// discard removes the first n samples. Its memory is used again.
func (s *store) discard(n int) {
	_, rest := s.split(n)
	s.samples = s.samples[:copy(s.samples, rest.samples)]
	s.data = s.data[:copy(s.data, rest.data)]
	if cap(s.data) > keepCap && len(s.data) == 0 {
		s.data = nil
	}
}

// last returns the newest sample.
func (s store) last() taken { return s.samples[len(s.samples)-1] }
