package callreel

// finished is the report of a track that is over.
type finished struct {
	stay   *stay
	report TrackReport
}

// retire closes what belongs to tracks that have ended.
func (s *session) retire() {
	for _, t := range gone(s.voices, s.live) {
		if v := s.voices[t]; v != nil {
			s.conclude(&v.health, v.feed.layer, v.report())
			v.close()
		}
		delete(s.voices, t)
	}
	for _, t := range gone(s.cameras, s.live) {
		if c := s.cameras[t]; c != nil {
			s.conclude(&c.health, c.layers[0].layer, c.report(s.position()))
			c.close()
		}
		delete(s.cameras, t)
	}
}

// conclude keeps the report of a track that is over, and ends its alarms.
func (s *session) conclude(h *health, l *layer, r TrackReport) {
	s.endAlarms(h)
	s.past.addTrack(r)
	id := l.member.id
	if s.concluded[id]++; s.concluded[id] <= maxFinished {
		s.retired = append(s.retired, finished{l.member.stay, r})
	}
}
