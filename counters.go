package callreel

import (
	"maps"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// LatenessBuckets is how many there are in Counters.Lateness.
const LatenessBuckets = 20

// Counters sum up what recordings received and did, for monitoring. They only
// grow. What the fields count is said where the report has them.
type Counters struct {
	Stats
	Recorded     time.Duration // without pauses
	Packets      uint64
	Lost         uint64
	Recovered    uint64 // brought back by redundancy
	Repaired     uint64 // came when asked for again
	Late         uint64
	Malformed    uint64
	Overflowed   uint64
	DecodeErrors uint64
	Excess       uint64 // packets
	Oversize     uint64
	Withheld     uint64
	Concealed    time.Duration // of all voices: made up, or silent, for lost packets
	// Lateness counts frames by how late they were composed: up to 2^n ms at n,
	// and later than all others in the last. TotalLateness is its sum.
	Lateness      [LatenessBuckets]int64
	TotalLateness time.Duration
}

// Add adds those of another recording, or of other recordings.
func (c *Counters) Add(d Counters) {
	c.Frames += d.Frames
	c.RepeatedFrames += d.RepeatedFrames
	c.HeldFrames += d.HeldFrames
	c.LateTicks += d.LateTicks
	c.StepsDown += d.StepsDown
	c.StepsUp += d.StepsUp
	c.Overloaded += d.Overloaded
	c.CPU += d.CPU
	c.Unwritten += d.Unwritten
	c.Recorded += d.Recorded
	c.Packets += d.Packets
	c.Lost += d.Lost
	c.Recovered += d.Recovered
	c.Repaired += d.Repaired
	c.Late += d.Late
	c.Malformed += d.Malformed
	c.Overflowed += d.Overflowed
	c.DecodeErrors += d.DecodeErrors
	c.Excess += d.Excess
	c.Oversize += d.Oversize
	c.Withheld += d.Withheld
	c.Concealed += d.Concealed
	for i, n := range d.Lateness {
		c.Lateness[i] += n
	}
	c.TotalLateness += d.TotalLateness
}

// Totals is what an engine has done since it was made.
type Totals struct {
	Counters                     // of all recordings, those that run too
	Started  int64               // recordings
	Refused  int64               // starts for which there was no room
	Ended    map[EndReason]int64 // recordings by why they ended
}

// Totals returns what the engine has done. What running recordings received is
// up to a second old.
func (e *Engine) Totals() Totals {
	e.mu.Lock()
	t := e.totals
	t.Ended = maps.Clone(t.Ended)
	running := make([]*Recording, 0, len(e.recordings))
	for _, r := range e.recordings {
		if r != nil {
			running = append(running, r)
		}
	}
	for _, r := range running { // within the lock, so that none is counted twice or not at all
		t.Add(r.Counters())
	}
	e.mu.Unlock()
	return t
}

// Counters returns what the recording received and did, up to a second ago.
func (r *Recording) Counters() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counters
}

// countInterval is how often a running recording is counted.
const countInterval = timebase.Second

// count shows to others what the recording has received and done so far.
func (r *Recording) count(now timebase.Ticks) {
	r.counted = now
	c := r.session.count()
	r.meter.note(c.Recorded, c.CPU)
	r.mu.Lock()
	r.counters = c
	r.load = Load{r.meter.most(), r.session.ladder.level, r.session.behind.Duration()}
	r.mu.Unlock()
}

// count adds up what the tracks have come to, also those that are gone.
func (s *session) count() Counters {
	c := s.past
	c.Stats, c.Recorded = s.stats, (timebase.Ticks(s.frame-s.first) * s.frameLen).Duration()
	c.Lateness, c.TotalLateness = s.late.log2, s.late.sum
	for _, v := range s.voices {
		if v != nil {
			v.feed.layer.count(&c)
			c.Overflowed += v.feed.overflowed
			c.addDecoding(v.stats)
			c.Concealed += (v.concealed.total + v.missing.total).Duration()
		}
	}
	for _, v := range s.cameras {
		if v != nil {
			for _, l := range v.layers {
				l.layer.count(&c)
			}
			c.addDecoding(v.stats)
		}
	}
	return c
}

func (c *Counters) addDecoding(d decodeStats) {
	c.DecodeErrors += d.errors
	c.Oversize += d.oversize
	c.Withheld += d.withheld
}

// count adds what was received of a layer.
func (l *layer) count(c *Counters) {
	l.member.mu.Lock()
	defer l.member.mu.Unlock()
	if l.receiver == nil {
		return
	}
	r := l.receiver.Stats()
	c.Packets += r.Packets
	c.Lost += r.Lost - l.lostUnused(r.Lost)
	c.Recovered += r.Recovered
	c.Repaired += r.Repaired
	c.Late += r.Late
	c.Malformed += r.Malformed
	c.Excess += l.excess
}

// addTrack adds what came of a track that is over.
func (c *Counters) addTrack(t TrackReport) {
	sum := t.Received()
	c.Packets += sum.Packets
	c.Lost += sum.Lost
	c.Recovered += sum.Recovered
	c.Repaired += sum.Repaired
	c.Late += sum.Late
	c.Malformed += sum.Malformed
	c.Excess += sum.Excess
	c.addDecoding(decodeStats{errors: t.DecodeErrors, oversize: t.Oversize, withheld: t.Withheld})
	if t.Sound != nil {
		c.Concealed += t.Sound.Concealed.Total + t.Sound.Missing.Total
		c.Overflowed += t.Sound.Overflowed
	}
}
