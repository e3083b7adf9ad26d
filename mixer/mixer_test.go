package mixer

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	fadeLen   = testRate * 4 / 1000
	attackLen = testRate * 5 / 1000
)

func TestVoicesAreSummedExactly(t *testing.T) {
	const n, at = 5000, 700
	m := New(Config{})
	want := make([]int, at+n)
	for seed := range uint64(3) {
		pcm := noise(seed, n, 9000)
		if late := m.Add().WriteAt(at, pcm); late != 0 {
			t.Fatalf("%d late", late)
		}
		for i, x := range pcm {
			want[at+i] += int(x * fullScale)
		}
	}
	out := pull(m, at+n+1000, 160)
	for i := at + fadeLen; i < at+n-fadeLen; i++ {
		if int(out[i]) != want[i] {
			t.Fatalf("sample %d is %d, want %d", i, out[i], want[i])
		}
	}
	if peak(out[:at]) != 0 || peak(out[at+n:]) != 0 {
		t.Error("there is sound where nobody speaks")
	}
}

func TestContiguousWritesAreSeamless(t *testing.T) {
	pcm := noise(1, 8000, 20000)
	whole, parts := New(Config{}), New(Config{})
	whole.Add().WriteAt(100, pcm)
	in := parts.Add()
	order := rand.New(rand.NewPCG(7, 7)).Perm(len(pcm) / 320)
	for _, k := range order {
		in.WriteAt(int64(100+k*320), pcm[k*320:(k+1)*320])
	}
	if !slices.Equal(pull(whole, 9000, 2000), pull(parts, 9000, 2000)) {
		t.Error("packets in any order do not give what one write gives")
	}
}

func TestPartitionDoesNotMatter(t *testing.T) {
	for seed := range uint64(8) {
		want := pull(crowd(seed), 12000, 12000)
		for _, block := range []int{1, 79, 160, 511, 512, 513, 2000} {
			if !slices.Equal(pull(crowd(seed), 12000, block), want) {
				t.Fatalf("seed %d: blocks of %d give other samples", seed, block)
			}
		}
	}
}

// crowd returns a mixer with gaps, overlaps, cuts and a sum that is limited.
func crowd(seed uint64) *Mixer {
	r := rand.New(rand.NewPCG(seed, 2))
	m := New(Config{})
	for range 5 {
		in := m.Add()
		for range 8 {
			pcm := noise(r.Uint64(), r.IntN(3000), 25000)
			in.WriteAt(r.Int64N(12000), pcm)
		}
		m.Cut(r.Int64N(12000))
		if r.IntN(3) == 0 {
			in.Remove()
		}
	}
	return m
}

func TestEdgesDoNotClick(t *testing.T) {
	spans := [][2]int64{{500, 2500}, {2600, 4321}, {4322, 6000}, {6010, 6030}, {6100, 7777}}
	play := func(m *Mixer) int {
		tone := sine(9000, 300, 0.5)
		in := m.Add()
		for _, s := range spans {
			in.WriteAt(s[0], tone[s[0]:s[1]])
		}
		m.Cut(7777)
		in.WriteAt(7777, tone[1234:2234])
		return bend(pull(m, 9500, 400))
	}
	const most = 400 // the tone itself has 227
	if b := play(New(Config{})); b > most {
		t.Errorf("an edge bends by %d, want at most %d", b, most)
	}
	hard := New(Config{})
	for i := range hard.ramp {
		hard.ramp[i] = 1
	}
	if b := play(hard); b < 5*most {
		t.Errorf("without ramps an edge bends by %d: the test would not hear a click", b)
	}
}

func TestCut(t *testing.T) {
	for name, c := range map[string]struct {
		ahead   int64 // of what the limiter has seen
		quietAt bool
	}{
		"in time": {1000, true}, "just in time": {fadeLen, true}, "late": {10, true},
		"next": {1, false}, "too late": {0, false}, "past": {-50, false},
	} {
		m := New(Config{})
		m.Add().WriteAt(0, slices.Repeat([]float32{0.5}, 8000))
		out := pull(m, 2000, 2000)
		at := int64(len(out)+attackLen) + c.ahead
		m.Cut(at)
		m.Cut(at)
		rest := make([]int16, 4000)
		m.MixAt(2000, rest)
		out = append(out, rest...)
		if quiet := out[at] < 200; quiet != c.quietAt && c.ahead != 1 {
			t.Errorf("%s: %d at the cut", name, out[at])
		}
		if c.ahead >= fadeLen && bend(out[500:]) > 60 {
			t.Errorf("%s: bends by %d", name, bend(out[500:]))
		}
		if out[at+2*fadeLen] != 1<<14 || out[at-2*fadeLen] != 1<<14 {
			t.Errorf("%s: the level is not back", name)
		}
	}
}

func TestLateEarlyBad(t *testing.T) {
	m := New(Config{Start: 1000})
	in := m.Add()
	pcm := make([]float32, 300)
	for _, c := range []struct {
		pos  int64
		want int
	}{{0, 300}, {700, 300}, {900, 100}, {1000, 0}, {math.MinInt64, 300}, {math.MaxInt64, 0}, {-1, 300}} {
		if late := in.WriteAt(c.pos, pcm); late != c.want {
			t.Errorf("at %d: %d late, want %d", c.pos, late, c.want)
		}
	}
	in.WriteAt(1000+8*testRate-100, pcm)
	if want := (Stats{Late: 1300, Early: 500}); in.Stats() != want {
		t.Errorf("got %+v, want %+v", in.Stats(), want)
	}
	m.MixAt(1000, make([]int16, 100))
	if late := in.WriteAt(1000, pcm); late != 100+attackLen {
		t.Errorf("%d late behind a mixed block", late)
	}
}

func TestBadSamplesDoNoHarm(t *testing.T) {
	m := New(Config{})
	in := m.Add()
	bad := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32, 9}
	in.WriteAt(0, slices.Repeat(bad, 500))
	in.WriteAt(20000, sine(40000, 500, 0.25))
	out := pull(m, 60000, 320)
	if p := peak(out); p > ceiling {
		t.Errorf("peak %d", p)
	}
	if got := in.Stats().Bad; got != 3000 {
		t.Errorf("%d bad samples", got)
	}
	if a := amplitude(out[52000:58000], 500); math.Abs(a-8192) > 1 {
		t.Errorf("the voice after it has amplitude %.1f", a)
	}
}

func TestLaterWriteWins(t *testing.T) {
	m := New(Config{})
	in := m.Add()
	in.WriteAt(0, slices.Repeat([]float32{0.25}, 1000))
	in.WriteAt(400, slices.Repeat([]float32{0.5}, 200))
	out := pull(m, 1000, 1000)
	if out[399] != 1<<13 || out[400] != 1<<14 || out[599] != 1<<14 || out[600] != 1<<13 {
		t.Errorf("got %d", out[398:402])
	}
}

func TestRemove(t *testing.T) {
	m := New(Config{})
	gone, stays := m.Add(), m.Add()
	gone.WriteAt(0, slices.Repeat([]float32{0.25}, 1000))
	stays.WriteAt(0, slices.Repeat([]float32{0.25}, 2000))
	gone.Remove()
	if late := gone.WriteAt(1000, make([]float32, 50)); late != 50 {
		t.Errorf("%d late after Remove", late)
	}
	out := pull(m, 2000, 100)
	if out[800] != 1<<14 || out[1200] != 1<<13 {
		t.Errorf("%d before, %d after the end of what was removed", out[800], out[1200])
	}
	if len(m.inputs) != 1 || m.inputs[0] != stays {
		t.Errorf("%d inputs are left", len(m.inputs))
	}
}

func TestSeam(t *testing.T) {
	for name, c := range map[string]struct {
		to   int64
		late int64
		loud bool
	}{"forward": {5000, 3920, true}, "far forward": {1 << 40, 6920, false}, "back": {100, 6920, false}} {
		m := New(Config{})
		in := m.Add()
		in.WriteAt(0, slices.Repeat([]float32{0.5}, 8000))
		m.MixAt(0, make([]int16, 1000))
		out := make([]int16, 1000)
		m.MixAt(c.to, out)
		if out[0] > 50 || (out[500] == 1<<14) != c.loud {
			t.Errorf("%s: starts with %d, then %d", name, out[0], out[500])
		}
		if got := in.Stats().Late; got != c.late {
			t.Errorf("%s: %d late, want %d", name, got, c.late)
		}
		in.WriteAt(c.to+1500, slices.Repeat([]float32{0.25}, 500))
		m.MixAt(c.to+1000, out)
		if !c.loud && out[700] != 1<<13 {
			t.Errorf("%s: %d after the seam", name, out[700])
		}
	}
}

func TestPositionOutOfRange(t *testing.T) {
	m := New(Config{})
	for _, pos := range []int64{-1, math.MinInt64, math.MaxInt64} {
		out := []int16{1, 2, 3}
		m.MixAt(pos, out)
		if peak(out) != 0 {
			t.Errorf("at %d: %d", pos, out)
		}
	}
}

func TestRates(t *testing.T) {
	for in, want := range map[int]int{0: 16000, -5: 8000, 1: 8000, 48000: 48000, 1 << 40: 192000} {
		if m := New(Config{Rate: in}); m.rate != want {
			t.Errorf("%d becomes %d", in, m.rate)
		}
	}
}

func TestLevelAndSpeaking(t *testing.T) {
	m := New(Config{})
	in := m.Add()
	if in.Level() != -120 || in.Speaking() {
		t.Errorf("at first: %.1f dBFS, speaking %v", in.Level(), in.Speaking())
	}
	next := int64(0)
	for _, c := range []struct {
		dBFS  float64
		speak bool
	}{{-60, false}, {-48, false}, {-36, true}, {-48, true}, {-60, false}, {-20, true}} {
		in.WriteAt(next+attackLen, sine(32000, 400, math.Sqrt2*math.Pow(10, c.dBFS/20)))
		m.MixAt(next, make([]int16, 32000))
		next += 32000
		if l := in.Level(); math.Abs(l-c.dBFS) > 0.1 || in.Speaking() != c.speak {
			t.Errorf("%.0f dBFS: measured %.2f, speaking %v", c.dBFS, l, in.Speaking())
		}
	}
}

func TestGolden(t *testing.T) {
	out := pull(crowd(42), 4000, 333)
	var got bytes.Buffer
	if err := binary.Write(&got, binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	const name = "testdata/crowd.s16le"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("the mix differs from the golden file")
	}
}

func TestNoAllocations(t *testing.T) {
	m, ins := speakers(9)
	pcm, out := sine(320, 440, 0.3), make([]int16, 320)
	pos := int64(0)
	run := func() {
		for _, in := range ins {
			in.WriteAt(pos+attackLen, pcm)
		}
		m.MixAt(pos, out)
		pos += 320
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per block", n)
	}
}

func speakers(n int) (*Mixer, []*Input) {
	m := New(Config{})
	ins := make([]*Input, n)
	for i := range ins {
		ins[i] = m.Add()
	}
	return m, ins
}
