package timebase

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

func TestConvertRoundsDownExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	rates := []Rate{1, 3, 8000, 16000, 44100, 48000, 90000, 30000, 1001, 1e9}
	for range 20000 {
		n := int64(rng.Uint64()) >> rng.IntN(63)
		from, to := rates[rng.IntN(len(rates))], rates[rng.IntN(len(rates))]
		want := new(big.Int).Mul(big.NewInt(n), big.NewInt(int64(to)))
		want.Div(want, big.NewInt(int64(from))) // Euclidean: rounds down for positive divisors
		got := Convert(n, from, to)
		if want.IsInt64() && got != want.Int64() {
			t.Fatalf("Convert(%d, %d, %d) = %d, want %v", n, from, to, got, want)
		}
		if !want.IsInt64() && got != math.MaxInt64 && got != math.MinInt64 {
			t.Fatalf("Convert(%d, %d, %d) = %d does not saturate", n, from, to, got)
		}
	}
}

func TestConvertKeepsAWeek(t *testing.T) {
	const week = 7 * 24 * 3600
	for _, c := range []struct {
		n        int64
		from, to Rate
		want     int64
	}{
		{week * 48000, 48000, 16000, week * 16000},
		{week * 44100, 44100, 48000, week * 48000},
		{week * 90000, 90000, 48000, week * 48000},
		{week * 30000, 30000, 1001, week * 1001}, // 29.97 frames/s
		{-1, 48000, 16000, -1},
		{-3, 48000, 16000, -1},
		{2, 48000, 16000, 0},
	} {
		if got := Convert(c.n, c.from, c.to); got != c.want {
			t.Errorf("Convert(%d, %d, %d) = %d, want %d", c.n, c.from, c.to, got, c.want)
		}
	}
	if d := Ticks(week * Second).Duration(); d != week*time.Second || FromDuration(d) != week*Second {
		t.Error(d)
	}
}

func TestFloorAndCeil(t *testing.T) {
	for _, c := range []struct{ t, floor, ceil Ticks }{{0, 0, 0}, {1, 0, 3}, {3, 3, 3}, {-1, -3, 0}, {-3, -3, -3}} {
		if c.t.Floor(3) != c.floor || c.t.Ceil(3) != c.ceil {
			t.Errorf("%d: %d %d", c.t, c.t.Floor(3), c.t.Ceil(3))
		}
	}
}

func TestUnwrapSurvivesReorderingAcrossTheWrap(t *testing.T) {
	u := Unwrapper{Bits: 32}
	for _, c := range []struct {
		in   uint32
		want int64
	}{
		{4294967000, 4294967000},
		{200, 4294967496},
		{4294967290, 4294967290},
		{300, 4294967596},
		{0, 4294967296},
	} {
		if got := u.Unwrap(c.in); got != c.want {
			t.Errorf("%d: %d, want %d", c.in, got, c.want)
		}
	}
	s := Unwrapper{Bits: 16}
	var last int64
	for i := range 200000 {
		if last = s.Unwrap(uint32(i) & 0xffff); last != int64(i) {
			t.Fatalf("%d became %d", i, last)
		}
	}
}

func TestNTPRoundTrip(t *testing.T) {
	for _, v := range []Ticks{0, 1, 47999, 48000, 3_900_000_000 * Second, 3_900_000_000*Second + 12345} {
		back := FromNTP(toNTP(v))
		if v-back > 1 || v < back {
			t.Errorf("%d became %d", v, back)
		}
	}
}

// toNTP is the inverse of FromNTP, rounded down.
func toNTP(t Ticks) uint64 {
	s := uint64(t) / Second
	f := uint64(t) % Second
	return s<<32 | f<<32/Second
}

func TestNTPOfATime(t *testing.T) {
	for at, want := range map[time.Time]uint64{
		time.Unix(0, 0): 2208988800 << 32,
		time.Date(2026, 11, 22, 0, 0, 0, 500_000_000, time.UTC): 4004294400<<32 | 1<<31,
	} {
		if got := NTP(at); got != want {
			t.Errorf("%v: %#x, want %#x", at, got, want)
		}
	}
}

// sender is a synthetic track: 20 ms packets whose clock is rate*(1+ppm/1e6).
type sender struct {
	m     *Map
	rate  Rate
	first uint32
	epoch Ticks // sender's NTP at local time 0
	rng   *rand.Rand
}

func (s *sender) rtp(at Ticks) uint32 { return s.first + uint32(at.At(s.rate)) }

// run sends from local time a to b over a link with delay and up to jitter, and
// a report each second if reports is set.
func (s *sender) run(a, b, delay, jitter Ticks, reports bool) {
	for at := a; at < b; at += 20 * Millisecond {
		s.m.Observe(s.rtp(at), at+delay+Ticks(s.rng.Int64N(int64(jitter)+1)))
		if reports && at%Second == 0 {
			s.m.Report(toNTP(s.epoch+at), s.rtp(at))
		}
	}
}

func (s *sender) errorAt(t *testing.T, at, delay Ticks) Ticks {
	t.Helper()
	got, ok := s.m.At(s.rtp(at))
	if !ok {
		t.Fatal("no map")
	}
	return got - at - delay
}

func within(t *testing.T, what string, got, limit Ticks) {
	t.Helper()
	if got > limit || got < -limit {
		t.Errorf("%s: off by %v, want within %v", what, got.Duration(), limit.Duration())
	}
}

func newSender(sync *Sync, rate Rate, first uint32) *sender {
	return &sender{m: sync.NewMap(rate), rate: rate, first: first, epoch: 1_000_000 * Second, rng: rand.New(rand.NewPCG(7, uint64(first)))}
}

func TestMapGoesByArrivalWithoutReports(t *testing.T) {
	s := newSender(new(Sync), 48000, 4294960000) // wraps at once
	s.run(0, 60*Second, 30*Millisecond, 100*Millisecond, false)
	within(t, "arrival only", s.errorAt(t, 60*Second, 30*Millisecond), 8*Millisecond)
}

func TestTracksOfOneSenderAgree(t *testing.T) {
	var sync Sync
	audio, video := newSender(&sync, 48000, 5), newSender(&sync, 90000, 123456)
	for at := Ticks(0); at < 20*Second; at += Second {
		audio.run(at, at+Second, 20*Millisecond, 5*Millisecond, true)
		video.run(at, at+Second, 120*Millisecond, 60*Millisecond, true) // a much slower path
	}
	a, v := audio.errorAt(t, 20*Second, 0), video.errorAt(t, 20*Second, 0)
	within(t, "lips", a-v, 2*Millisecond)
	within(t, "audio", a-20*Millisecond, 2*Millisecond)
}

func TestStrangeReportBeforeMediaIsIgnored(t *testing.T) {
	s := newSender(new(Sync), 48000, 99)
	s.m.Report(1<<60, 2_000_000_000)
	s.run(0, Second, 10*Millisecond, 0, false)
	within(t, "after a lone report", s.errorAt(t, Second, 10*Millisecond), Millisecond)
	s.run(Second, 2*Second, 10*Millisecond, 0, false)
	if st := s.m.Stats(); st.ByReports || st.Outliers != 1 {
		t.Errorf("%+v", st)
	}
}

func TestCorrectionsAreSlewed(t *testing.T) {
	s := newSender(new(Sync), 48000, 0)
	s.run(0, 30*Second, 100*Millisecond, 0, false)
	// The path gets 60 ms quicker: the map follows by 10 ms a second, no jump.
	before := s.errorAt(t, 30*Second, 0)
	for at := 30 * Second; at < 40*Second; at += 20 * Millisecond {
		s.run(Ticks(at), Ticks(at)+20*Millisecond, 40*Millisecond, 0, false)
		now := s.errorAt(t, Ticks(at), 0)
		if step := before - now; step < 0 || step > 20*Millisecond/SlewDivisor+1 {
			t.Fatalf("step of %v at %v", step.Duration(), Ticks(at).Duration())
		}
		before = now
	}
	within(t, "after slewing", before-40*Millisecond, Millisecond)
}

func TestBurstAtTheStartDoesNotCount(t *testing.T) {
	s := newSender(new(Sync), 48000, 0)
	// What was sent in the first 200 ms is held up and comes at once.
	for at := Ticks(0); at < 200*Millisecond; at += 20 * Millisecond {
		s.m.Observe(s.rtp(at), 220*Millisecond)
	}
	s.run(200*Millisecond, Second, 20*Millisecond, 0, false)
	within(t, "after a second", s.errorAt(t, Second, 20*Millisecond), Millisecond)
}

func TestStallReanchors(t *testing.T) {
	s := newSender(new(Sync), 48000, 0)
	s.run(0, 10*Second, 20*Millisecond, 5*Millisecond, true)
	// Capture hangs for 18 s; then RTP goes on as if nothing had happened.
	const stall = 18 * Second
	for at := Ticks(10 * Second); at < 12*Second; at += 20 * Millisecond {
		s.m.Observe(s.rtp(at), at+stall+20*Millisecond)
	}
	within(t, "after the stall", s.errorAt(t, 12*Second, stall+20*Millisecond), Millisecond)
}

func TestDriftIsFollowed(t *testing.T) {
	for _, ppm := range []int64{-200, 200} {
		m := new(Sync).NewMap(48000)
		var worst Ticks
		for at := Ticks(0); at < 4*3600*Second; at += 60 * Millisecond {
			rtp := uint32(int64(at) + int64(at)*ppm/1_000_000)
			m.Observe(rtp, at)
			if got, _ := m.At(rtp); at > 60*Second {
				worst = max(worst, got-at, at-got)
			}
		}
		within(t, "drift", worst, 5*Millisecond)
	}
}

func TestResetForgetsTheRTPClock(t *testing.T) {
	s := newSender(new(Sync), 48000, 0)
	s.run(0, 5*Second, 0, 0, true)
	s.m.Reset()
	if _, ok := s.m.At(0); ok {
		t.Error("a map after Reset")
	}
	s.first = 3_000_000_000
	s.run(5*Second, 6*Second, 10*Millisecond, 0, false)
	within(t, "after a change of SSRC", s.errorAt(t, 6*Second, 10*Millisecond), Millisecond)
}
