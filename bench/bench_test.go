package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// asWorker in the environment makes the test's binary do a job.
const asWorker = "CALLREEL_BENCH_WORK"

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) == "" {
		os.Exit(m.Run())
	}
	if err := Work(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runner returns one with calls and processes of its own.
func runner(t *testing.T) Runner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asWorker, "1")
	return Runner{Cache: t.TempDir(), Command: []string{self}, Repeat: 1, Progress: t.Output()}
}

func scenario(t *testing.T, name string, seconds int) Scenario {
	t.Helper()
	s, err := ParseScenario(name, seconds)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What can be counted is as it should be; times depend on the machine, and are
// only there.
func TestSmoke(t *testing.T) {
	if raceEnabled {
		t.Skip("nothing in it runs at the same time, and it would take a minute")
	}
	const seconds = 4
	r := runner(t)
	r.Profiles = t.TempDir()
	plain, layered := scenario(t, "synthetic/2", seconds), scenario(t, "synthetic/2/vp8/temporal", seconds)
	run, err := r.Measure(t.Context(), []Scenario{plain, layered}, []string{Callreel, Floor})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range run.Measurements {
		if m.Err != "" || len(m.Samples) != 1 {
			t.Fatalf("%v: %s: %d samples: %s", m.Scenario, m.Subject, len(m.Samples), m.Err)
		}
		s, q := m.Samples[0], m.Quality
		if s.Seconds != seconds || s.Cores <= 0 || s.PeakRSS <= 0 || s.Stages["encode"] <= 0 || s.Stages["video decode"] <= 0 {
			t.Errorf("%v: %s: %+v", m.Scenario, m.Subject, s)
		}
		sum := 0.0
		for _, x := range s.Stages {
			sum += x
		}
		if math.Abs(sum-s.Cores) > 1e-6 {
			t.Errorf("%v: %s: stages of %v cores in all, not %v", m.Scenario, m.Subject, sum, s.Cores)
		}
		if q.Frames != 8*seconds {
			t.Errorf("%v: %s: %d frames", m.Scenario, m.Subject, q.Frames)
		}
	}
	count(t, run, plain, 2*30*seconds, 0)
	// 7.5 a second are too few. Of 15 those are left out that are not shown, and
	// that nothing needs which is: 13 of 60.
	count(t, run, layered, 2*(15*seconds-13), 12)
	if files, err := os.ReadDir(r.Profiles); err != nil || len(files) != 2 {
		t.Errorf("%d profiles: %v", len(files), err)
	}
	var out bytes.Buffer
	if err := run.Markdown(&out); err != nil || !strings.Contains(out.String(), "| synthetic/2/vp8/temporal/on | floor |") {
		t.Errorf("%v: %s", err, out.String())
	}
	doc, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	var again Run
	if err := json.Unmarshal(doc, &again); err != nil || len(Compare(run, again)) != 4 {
		t.Errorf("%d pairs: %v", len(Compare(run, again)), err)
	}
}

// meanAllocs is how often memory is allocated at most for a frame of two participants
// on average: a ratchet, which may only go down.
const meanAllocs = 10

// count checks what the pipeline and the floor counted. The pipeline may have decoded
// so many pictures more before it knew the layers.
func count(t *testing.T, run Run, s Scenario, pictures, early uint64) {
	t.Helper()
	ours, ok1 := run.find(s, Callreel)
	floor, ok2 := run.find(s, Floor)
	if !ok1 || !ok2 {
		t.Fatalf("%v is not there", s)
	}
	q := ours.Quality
	t.Logf("%+v", q)
	// The recording ends 20 ms, and up to a frame, before what was captured last
	// comes.
	if q.Decoded > pictures+early || q.Decoded+16 < pictures || floor.Quality.Decoded != pictures {
		t.Errorf("%v: %d pictures decoded, by the floor %d, want %d", s, q.Decoded, floor.Quality.Decoded, pictures)
	}
	if sounds := uint64(2 * 50 * s.Seconds); q.Sounds > sounds || q.Sounds+4 < sounds || floor.Quality.Sounds != sounds {
		t.Errorf("%v: %d packets of sound decoded, by the floor %d, want %d", s, q.Sounds, floor.Quality.Sounds, sounds)
	}
	if q.SSIM < 0.9 || q.SSIM > 1 || q.BitRate < 1e5 {
		t.Errorf("%v: SSIM %v at %v bit/s", s, q.SSIM, q.BitRate)
	}
	if q.AllocsPerFrame != 0 {
		t.Errorf("%v: %v allocations for a frame and its packets", s, q.AllocsPerFrame)
	}
	if q.MeanAllocs == 0 || q.MeanAllocs > meanAllocs {
		t.Errorf("%v: %v allocations for a frame on average", s, q.MeanAllocs)
	}
}

// Another process sends over WebRTC, and another recorder records the same.
func TestRealTimeAndPeers(t *testing.T) {
	const seconds = 3
	s := scenario(t, "synthetic/2/vp8/simulcast", seconds)
	run, err := runner(t).Measure(t.Context(), []Scenario{s}, []string{Live, "ffmpeg:ultrafast", "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	live, ok := run.find(s, Live)
	q := live.Quality
	if m := live.Median(); !ok || m.Cores <= 0 || m.Wall != 1 || m.Stages[stageThreads] <= 0 || m.Stages["encode"] <= 0 {
		t.Errorf("%+v", live)
	}
	for stage, x := range live.Median().Stages {
		if x < 0 {
			t.Errorf("%v cores of %s", x, stage)
		}
	}
	// A machine that is busy with other tests sends less, and stops late.
	if q.Frames < 8*seconds || q.Packets < 200 || q.Decoded < 8*seconds || q.Sounds < 50 {
		t.Errorf("%+v", q)
	}
	peer, ok := run.find(s, "ffmpeg:ultrafast")
	if m := peer.Median(); !ok || m.Cores <= 0 || peer.Quality.SSIM < 0.9 || peer.Quality.BitRate < 1e5 {
		t.Errorf("%+v", peer)
	}
	if nobody := run.Measurements[2]; !strings.Contains(nobody.Err, "nobody") || len(nobody.Samples) > 0 {
		t.Errorf("%+v", nobody)
	}
}

// What another process had is not in it.
func TestPeakIsThisProcess(t *testing.T) {
	r := runner(t)
	big := make([]byte, 1<<30)
	for i := 0; i < len(big); i += 4096 {
		big[i] = 1
	}
	run, err := r.Measure(t.Context(), []Scenario{scenario(t, "synthetic/1/vp8/plain/off", 1)}, []string{Callreel})
	runtime.KeepAlive(big)
	if err != nil {
		t.Fatal(err)
	}
	if peak := run.Measurements[0].Median().PeakRSS; peak < 10<<20 || peak > 700<<20 {
		t.Errorf("%d MiB", peak>>20)
	}
}

// A peer is measured between its marks, with all that it starts.
func TestPeerIsMeasuredBetweenMarks(t *testing.T) {
	const script = `#!/bin/sh
spin() { end=$(($(date +%s) + 1)); while [ $(date +%s) -lt $end ]; do :; done; }
spin; spin
[ -n "$MARKS" ] && echo begin
( spin )
[ -n "$MARKS" ] && echo end
echo "$BENCH_WIDTH $BENCH_SECONDS $BENCH_VARIANT" >"$BENCH_OUTPUT"
`
	dir := t.TempDir()
	file := filepath.Join(dir, "peer.sh")
	if err := os.WriteFile(file, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	p := peer{call: call{scenario: scenario(t, "meeting/9", 1)}, width: 1920}
	var err error
	if p.script, p.variant, err = openPeer(file+":x", dir); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(dir, "out")
	all, err := p.record(t.Context(), output)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MARKS", "1")
	part, err := p.record(t.Context(), output)
	if err != nil {
		t.Fatal(err)
	}
	if part.Cores <= 0 || part.Wall >= all.Wall || part.Cores >= all.Cores {
		t.Errorf("%+v between the marks, %+v in all", part, all)
	}
	if text, err := os.ReadFile(output); err != nil || string(text) != "1920 1 x\n" {
		t.Errorf("%q, %v", text, err)
	}
	for status, want := range map[string]error{"77": ErrMissing, "1": nil} {
		if err := os.WriteFile(file, []byte("#!/bin/sh\nexit "+status+"\n"), 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := p.record(t.Context(), output); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("exit %s: %v", status, err)
		}
	}
}

func TestScenarioNames(t *testing.T) {
	for _, s := range Scenarios(Meeting, 10) {
		if again, err := ParseScenario(s.String(), s.Seconds); err != nil || again != s {
			t.Errorf("%v: %v, %v", s, again, err)
		}
	}
	for _, name := range []string{"", "football", "meeting/0", "meeting/x", "meeting/9/h265", "meeting/9/av1/temporal", "meeting/9/vp8/plain/on/on"} {
		if s, err := ParseScenario(name, 10); err == nil {
			t.Errorf("%q: %v", name, s)
		}
	}
}

func TestSimilarity(t *testing.T) {
	const w, h = 64, 48
	a, b := make([]byte, w*h), make([]byte, w*h)
	for i := range a {
		a[i] = byte(i*7 + i/w*13)
	}
	copy(b, a)
	if s := ssim(a, b, w, h); s != 1 {
		t.Errorf("%v of the same", s)
	}
	last := 1.0
	for _, noise := range []int{4, 16, 64} {
		state := uint32(1)
		for i := range b {
			state = state*1664525 + 1013904223
			b[i] = byte(min(255, max(0, int(a[i])+int(state>>16)%(2*noise+1)-noise)))
		}
		s := ssim(a, b, w, h)
		if s >= last {
			t.Errorf("%v with noise of %d, %v with less", s, noise, last)
		}
		last = s
	}
}

func TestCompareKnowsNoise(t *testing.T) {
	of := func(cores ...float64) Run {
		m := Measurement{Scenario: Scenario{Workload: Meeting, Seconds: 20}, Subject: Callreel}
		for _, c := range cores {
			m.Samples = append(m.Samples, Sample{Cores: c})
		}
		return Run{Time: time.Unix(0, 0), Measurements: []Measurement{m}}
	}
	for _, c := range []struct {
		a, b    Run
		outside bool
	}{
		{of(1, 1.1, 1.2), of(0.7, 0.8, 0.9), true},
		{of(1, 1.1, 1.2), of(0.7, 0.8, 1.05), false}, // they overlap
		{of(1, 1.001), of(1.002, 1.003), false},      // too little
		{of(1, 1.001), of(1.1, 1.2), true},
	} {
		d := Compare(c.a, c.b)
		if len(d) != 1 || d[0].Outside != c.outside {
			t.Errorf("%+v", d)
		}
	}
}
