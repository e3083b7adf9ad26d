package callreel

import (
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/timebase"
)

// Limits bound what one participant may cost, so that nobody disturbs the
// others or fills the memory. The defaults are far above what browsers send.
// Of each a zero means the default. What is left out for them is counted, in
// the report and in [Counters], and raises [AlarmExcessive].
type Limits struct {
	// Participants is how many may be in a conversation at a time: 1000.
	Participants int
	// Tracks is how many a participant may have at a time, each layer of a
	// simulcast counted: 32. Four times as many may have ended lately.
	Tracks int
	// Packets and BitRate are what a participant may send, in packets and bits
	// of payload per second, with two seconds of that at once: 3000 and 50
	// million. Sound has a fifth of that for itself, and pictures the whole.
	Packets, BitRate int
	// Pixels is how many a picture may have to be decoded: 4096 times 2304.
	Pixels int
	// Decoding is the share of a processor that decoding a participant's
	// pictures may take, with two seconds of it at once: 0.6. Sound has a fifth
	// of that for itself. Beyond it, pictures are left out until the share is
	// kept, and begin again with a key frame. Negative means no limit. [Compose]
	// has none, as it has time.
	Decoding float64
}

const (
	// maxStays is how often somebody may join a call.
	maxStays = 10_000
	// maxFinished is how many tracks that are over a report tells of, for each participant.
	maxFinished = 500
	// endedTracks is how many times more tracks than may live may have ended lately.
	endedTracks = 4
	// burst is how much of a second's allowance may be used at once.
	burst = 2 * time.Second
	// soundShare is the part of the limits, 1/n, that sound has for itself.
	soundShare = 5
	// reportBytes is what a sender report counts as.
	reportBytes = 28
	// maxBitRate keeps the time that a packet takes above a nanosecond.
	maxBitRate = 1_000_000_000
)

func (l *Limits) check() error {
	orDefault(&l.Participants, 1000)
	orDefault(&l.Tracks, 32)
	orDefault(&l.Packets, 3000)
	orDefault(&l.BitRate, 50_000_000)
	orDefault(&l.Pixels, codec.MaxPixels)
	orDefault(&l.Decoding, 0.6)
	switch {
	case l.Participants < 0 || l.Tracks < 0:
		return invalid("limit of %d participants and %d tracks", l.Participants, l.Tracks)
	case l.Packets < soundShare || l.Packets > maxBitRate || l.BitRate < 100_000 || l.BitRate > maxBitRate:
		return invalid("limit of %d packets/s and %d bit/s", l.Packets, l.BitRate)
	case l.Pixels < 0 || l.Pixels > codec.MostPixels:
		return invalid("limit of %d pixels", l.Pixels)
	case l.Decoding > 100:
		return invalid("limit of %v processors", l.Decoding)
	}
	return nil
}

// meter admits things up to a rate: the generic cell rate algorithm (ITU-T
// I.371) with a bucket of burst.
type meter struct {
	full time.Duration // when all that was admitted is paid for
}

// over reports whether more than a burst is not paid for at a time.
func (m *meter) over(now time.Duration) bool { return m.full-now > burst }

// pay notes something that takes cost of the time.
func (m *meter) pay(now, cost time.Duration) { m.full = max(m.full, now) + cost }

// intake measures what a participant sends of one kind.
type intake struct{ packets, bits meter }

// admits reports whether a packet of so many bytes keeps to the limits. One that
// does not costs nothing.
func (i *intake) admits(l *Limits, kind ingest.Kind, bytes int, now timebase.Ticks) bool {
	share := time.Duration(1)
	if kind == ingest.Audio {
		share = soundShare
	}
	at := now.Duration()
	if i.packets.over(at) || i.bits.over(at) {
		return false
	}
	i.packets.pay(at, share*time.Second/time.Duration(l.Packets))
	i.bits.pay(at, share*time.Duration(8*bytes)*time.Second/time.Duration(l.BitRate))
	return true
}

// admits reports whether a packet of the layer keeps to the limits, and counts
// those that do not; member.mu is held.
func (l *layer) admits(bytes int, now timebase.Ticks) bool {
	ok := l.member.intake[l.codec.Kind].admits(&l.conv.eng.cfg.Limits, l.codec.Kind, bytes, now)
	if !ok {
		l.excess++
	}
	return ok
}

// count returns how many layers there are, and how many with those that ended
// lately; mu is held.
func (m *member) count() (live, all int) {
	for _, t := range m.tracks {
		all += len(t.layers)
		for _, l := range t.layers {
			if !l.over() {
				live++
			}
		}
	}
	return live, all
}

// excess returns how many packets were left out for the limits; member.mu is held.
func (t *track) excess() (n uint64) {
	for _, l := range t.layers {
		n += l.excess
	}
	return n
}

// budget is what decoding a participant's tracks of one kind may take. It is
// kept while somebody is away, or leaving would pay all debts.
type budget struct {
	share float64 // of a processor; negative for no limit
	meter meter
	now   time.Duration // session position
}

// budgets are a participant's.
type budgets struct{ sight, sound budget }

// exhausted reports whether nothing may be decoded now.
func (b *budget) exhausted() bool { return b.share > 0 && b.meter.over(b.now) }

// spend decodes something and pays for it. To measure takes some system
// calls, so it is done for all that is due of a voice together.
func (b *budget) spend(decode func()) {
	if b.share < 0 {
		decode()
		return
	}
	spent, _ := cpu.Measure(func() error { decode(); return nil })
	b.meter.pay(b.now, time.Duration(float64(spent)/b.share))
}

// budget returns a participant's budgets at a session position. Those of people
// who are gone and owe nothing are forgotten.
func (s *session) budget(id string, pos timebase.Ticks) *budgets {
	b := s.budgets[id]
	if b == nil {
		now := pos.Duration()
		for id, b := range s.budgets {
			if _, seated := s.places[id]; !seated && b.sight.meter.full < now && b.sound.meter.full < now {
				delete(s.budgets, id)
			}
		}
		b = &budgets{budget{share: s.limits.Decoding}, budget{share: s.limits.Decoding / soundShare}}
		s.budgets[id] = b
	}
	b.sight.now, b.sound.now = pos.Duration(), pos.Duration()
	return b
}
