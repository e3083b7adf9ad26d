package timebase

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// hostile makes a call of two tracks whose packets and reports mean nothing, or
// something only for a while.
type hostile struct {
	rng  *rand.Rand
	maps []*Map
	base []uint32
	now  Ticks
}

func newHostile(seed uint64) *hostile {
	var sync Sync
	h := &hostile{rng: rand.New(rand.NewPCG(seed, 3)), base: make([]uint32, 2)}
	h.maps = []*Map{sync.NewMap(48000), sync.NewMap(90000)}
	return h
}

// next does something to a map, and returns which.
func (h *hostile) next() *Map {
	i := h.rng.IntN(2)
	m := h.maps[i]
	h.now += Ticks(h.rng.Int64N(int64(40*ms))) - 2*ms // now and then backwards
	rtp := h.base[i] + uint32(h.now.At(m.rate))
	switch h.rng.IntN(200) {
	case 0:
		h.base[i] = h.rng.Uint32()
	case 1:
		m.Report(h.rng.Uint64(), rtp)
	case 2:
		m.Report(toNTP(1000*Second+h.now+Ticks(h.rng.Int64N(int64(3*Second)))), rtp)
	case 3:
		m.Report(h.rng.Uint64(), h.rng.Uint32())
	case 4:
		m.Observe(h.rng.Uint32(), h.now)
	default:
		m.Observe(rtp, h.now+Ticks(h.rng.Int64N(int64(100*ms))))
	}
	return m
}

func TestMapNeverMovesFastOrBackwards(t *testing.T) {
	for seed := range uint64(20) {
		h := newHostile(seed)
		for range 5000 {
			before := [2]Map{*h.maps[0], *h.maps[1]}
			m := h.next()
			for i, b := range before {
				moved, passed := abs(h.maps[i].offset-b.offset), h.maps[i].now-b.slewed
				if h.maps[i].stats.Jumps == b.stats.Jumps && !h.maps[i].fresh() && moved > passed/SlewDivisor {
					t.Fatalf("moved by %d in %d ticks", moved, passed)
				}
			}
			if !m.started {
				continue
			}
			var last Ticks = math.MinInt64
			for d := int64(-100_000); d <= 100_000; d += 1_000 {
				at, _ := m.At(uint32(m.rtp.newest + d))
				if at < last {
					t.Fatalf("%v after %v", at, last)
				}
				last = at
			}
		}
	}
}

// What random values do is forgotten once they end.
func TestMapRecoversFromAnything(t *testing.T) {
	for seed := range uint64(20) {
		h := newHostile(seed)
		for range 3000 {
			h.next()
		}
		start := h.now + Second
		for at := start; at < start+60*Second; at += 20 * ms {
			for i, m := range h.maps {
				rtp := h.base[i] + uint32(at.At(m.rate))
				m.Observe(rtp, at+20*ms)
				if (at-start)%Second == 0 {
					m.Report(toNTP(5000*Second+at), rtp)
				}
			}
		}
		for i, m := range h.maps {
			at, _ := m.At(h.base[i] + uint32((start + 60*Second).At(m.rate)))
			within(t, "after the storm", at-start-60*Second-20*ms, ms)
			if !m.Stats().ByReports {
				t.Errorf("%+v", m.Stats())
			}
		}
	}
}

func TestSyncForgetsOldTracks(t *testing.T) {
	var s Sync
	for i := range Ticks(1000) {
		m := s.NewMap(48000)
		m.Observe(uint32(i), i)
		m.Report(toNTP(1000*Second), uint32(i))
		m.Observe(uint32(i), i)
	}
	if n := len(s.shares); n == 0 || n > maxShares {
		t.Errorf("%d tracks are kept", n)
	}
}

func TestReportsMayBeOffByMoreAfterSilence(t *testing.T) {
	var r relation
	r.restart(0, 0, new(Sync))
	for _, c := range []struct {
		off, silence Ticks
		fits         bool
	}{
		{19 * ms, Second, true},
		{-21 * ms, Second, false},
		{-45 * ms, 60 * Second, true},
		{55 * ms, 60 * Second, false},
		{299 * ms, 36000 * Second, true},
		{301 * ms, 36000 * Second, false},
	} {
		if got := r.fits(c.silence, c.off, c.silence); got != c.fits {
			t.Errorf("%v after %v: %v", c.off.Duration(), c.silence.Duration(), got)
		}
	}
}

func TestTracksInDoubtDoNotContradict(t *testing.T) {
	for _, c := range []struct {
		name             string
		sure, before, is Ticks
		want             Ticks
	}{
		{"its RTP stepped", 1000 * ms, 930 * ms, 400 * ms, 930 * ms},
		{"the path changed", 1400 * ms, 930 * ms, 1330 * ms, 1330 * ms},
		{"both", 1400 * ms, 930 * ms, 500 * ms, 1400 * ms},
		{"it is the slower one", 1000 * ms, 1100 * ms, 9000 * ms, 1000 * ms},
	} {
		s := Sync{shares: []share{{sure: true, offset: point{0, c.sure}}, {offset: point{0, c.is}, before: point{0, c.before}}}}
		if got, known := s.offset(); !known || got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got.Duration(), c.want.Duration())
		}
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	h := newHostile(1)
	for range 1000 {
		h.next()
	}
	if n := testing.AllocsPerRun(10_000, func() { h.next() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	var sync Sync
	maps := []*Map{sync.NewMap(48000), sync.NewMap(90000), sync.NewMap(90000)}
	rng := rand.New(rand.NewPCG(1, 1))
	var now Ticks
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := maps[i%3]
		now += 3 * ms
		rtp := uint32(now.At(m.rate))
		m.Observe(rtp, now+Ticks(rng.Int64N(int64(30*ms))))
		if i%1000 < 3 {
			m.Report(toNTP(1000*Second+now), rtp)
		}
	}
}

// FuzzMap runs a script of packets and reports, 17 bytes each.
func FuzzMap(f *testing.F) {
	entry := func(kind byte, rtp uint32, local int64, more uint32) []byte {
		b := binary.BigEndian.AppendUint32([]byte{kind}, rtp)
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, uint64(local)), more)
	}
	f.Add(append(entry(0, 0, 0, 0), entry(2, 960, 1<<40, 0)...))
	f.Add(append(entry(0, math.MaxUint32, -5, 0), entry(3, 0, math.MaxInt64/4, 0)...))
	f.Add(append(append(entry(1, 0, math.MinInt64, 0), entry(0, 5, math.MaxInt64, 0)...), entry(2, 0, -1, 9)...))
	f.Fuzz(func(t *testing.T, script []byte) {
		var sync Sync
		maps := []*Map{sync.NewMap(90000), sync.NewMap(48000)}
		for ; len(script) >= 17; script = script[17:] {
			m, rtp := maps[script[0]&1], binary.BigEndian.Uint32(script[1:])
			switch v := binary.BigEndian.Uint64(script[5:]); script[0] >> 1 % 4 {
			case 0:
				m.Observe(rtp, Ticks(v))
			case 1:
				m.Report(v, rtp)
			case 2:
				m.Observe(rtp, m.now+Ticks(binary.BigEndian.Uint32(script[13:])))
			case 3:
				m.Reset()
			}
			a, _ := m.At(rtp)
			if b, _ := m.At(rtp + 1000); m.rtp.Peek(rtp) < m.rtp.Peek(rtp+1000) && b < a {
				t.Errorf("%v after %v", b, a)
			}
			m.Spread()
			m.Drift()
		}
		if len(sync.shares) > maxShares {
			t.Error(len(sync.shares))
		}
	})
}
