package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/storage"
)

// Capacity is how many recordings of a scenario this machine can make at a time.
type Capacity struct {
	Scenario   Scenario          `json:"scenario"`
	Options    map[string]string `json:"options,omitempty"` // of the encoder
	Recordings int               `json:"recordings"`
	Tries      []Try             `json:"tries"`
}

// String names the scenario, and the options if there are any.
func (c Capacity) String() string {
	name := c.Scenario.String()
	for _, key := range slices.Sorted(maps.Keys(c.Options)) {
		name += " " + key + "=" + c.Options[key]
	}
	return name
}

// try returns that with so many recordings: the better one, which came last.
func (c Capacity) try(recordings int) (Try, bool) {
	for _, t := range slices.Backward(c.Tries) {
		if t.Recordings == recordings {
			return t, true
		}
	}
	return Try{}, false
}

// Each returns what each recording adds to the peak RSS of the process that makes
// several, in bytes: what the first one has beside it, the binary, libraries and
// Go's runtime, they share. It is unknown if no two fit.
func (c Capacity) Each() (int64, bool) {
	one, ok1 := c.try(1)
	all, ok2 := c.try(c.Recordings)
	if !ok1 || !ok2 || c.Recordings < 2 || one.PeakRSS == 0 {
		return 0, false
	}
	return (all.PeakRSS - one.PeakRSS) / int64(c.Recordings-1), true
}

// Try is so many recordings at a time, in real time.
type Try struct {
	Recordings int `json:"recordings"`
	// Cores of all of them, and their frames, of which Late were late by more than
	// a frame.
	Cores  float64 `json:"cores"`
	Frames int64   `json:"frames"`
	Late   int64   `json:"late"`
	// Lateness is by how much 95 % of the frames were late at most.
	Lateness time.Duration `json:"p95LatenessNs"`
	// PeakRSS is the most memory that the process had at a time, in bytes.
	PeakRSS int64 `json:"peakRSSBytes,omitempty"`
}

// maxRecordings bounds the search.
const maxRecordings = 256

// fits reports whether recordings keep up: one frame in a hundred may be late.
func (t Try) fits() bool { return t.Late*100 <= t.Frames }

// Capacity finds out how many recordings fit this machine, by doubling their
// number until one does not keep up, and then halving what is between. Those that do
// not keep up get a second chance, as any moment that the machine spends elsewhere is
// a frame that is late.
func (r Runner) Capacity(ctx context.Context, s Scenario) (Capacity, error) {
	c := Capacity{Scenario: s, Options: r.Options}
	made, err := makeCall(ctx, r.Cache, s)
	if err != nil {
		return c, err
	}
	if _, err := made.captured(r.Cache); err != nil {
		return c, err
	}
	temp, err := os.MkdirTemp("", "callreel-bench-*")
	if err != nil {
		return c, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // what is left there is in the system's folder for that
	try := func(n int) (bool, error) {
		j := Job{Kind: jobPaced, Scenario: s, Cache: r.Cache, Dir: filepath.Join(temp, fmt.Sprint(len(c.Tries))), Options: r.Options, Recordings: n}
		rep, err := j.spawn(ctx, r.Command)
		if err != nil {
			return false, err
		}
		c.Tries = append(c.Tries, *rep.Try)
		r.say("%v: %d at a time: %.2f cores, %d MiB, %d of %d frames late", c, n, rep.Try.Cores, rep.Try.PeakRSS>>20, rep.Try.Late, rep.Try.Frames)
		return rep.Try.fits(), nil
	}
	c.Recordings, err = search(func(n int) (bool, error) {
		ok, err := try(n)
		if !ok && err == nil {
			ok, err = try(n)
		}
		return ok, err
	})
	return c, err
}

// search returns the greatest number up to maxRecordings for which fits says so,
// zero if there is none.
func search(fits func(n int) (bool, error)) (int, error) {
	good, bad := 0, maxRecordings+1
	for n := 1; n < bad; {
		ok, err := fits(n)
		if err != nil {
			return good, err
		}
		if ok {
			good = n
		} else {
			bad = n
		}
		if n *= 2; bad <= maxRecordings || n > maxRecordings {
			n = (good + bad) / 2
		}
		if n == good {
			break
		}
	}
	return good, nil
}

// paced makes several recordings at a time in real time, in one process, as a
// server does; what arrives is read from the capture as it comes due.
func (j Job) paced(ctx context.Context) (rep report, err error) {
	engine, err := callreel.New(callreel.Config{
		Storage: storage.Dir(filepath.Join(j.Dir, "store")), Spool: filepath.Join(j.Dir, "spool"),
	})
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	before := cpu.Process()
	results := make([]callreel.Result, j.Recordings)
	errs := make([]error, j.Recordings)
	var all sync.WaitGroup
	for i := range results {
		// Their frames are not due all at the same time.
		phase := time.Duration(i) * time.Second / frameRate / time.Duration(j.Recordings)
		all.Go(func() { results[i], errs[i] = j.pace(ctx, engine, i, phase) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return rep, err
	}
	t := Try{
		Recordings: j.Recordings,
		Cores:      (cpu.Process() - before).Seconds() / float64(j.Scenario.Seconds),
		PeakRSS:    peakRSS(),
	}
	for _, res := range results {
		t.Frames += res.Stats.Frames
		t.Late += res.Stats.LateTicks
		t.Lateness = max(t.Lateness, res.Report.Ticks.P95Lateness)
	}
	return report{Try: &t}, nil
}

const (
	// warmUp is how long recordings may be late after they all began: a server's
	// do not begin at the same time.
	warmUp = 2 * time.Second
	// readEvery is for how long what arrives waits, as on sockets.
	readEvery = 20 * time.Millisecond
)

// pace makes one of several recordings. Of its frames only those after a while
// are counted.
func (j Job) pace(ctx context.Context, engine *callreel.Engine, i int, phase time.Duration) (_ callreel.Result, err error) {
	f, err := os.Open(j.Scenario.capture(j.Cache))
	if err != nil {
		return callreel.Result{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	src, err := replay.Open(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return callreel.Result{}, err
	}
	time.Sleep(phase)
	settings := j.settings()
	settings.Conversation = fmt.Sprintf("bench-%d", i)
	rec, err := engine.Start(ctx, settings)
	if err != nil {
		return callreel.Result{}, err
	}
	begin, to := time.Now(), now{rec.Conversation()}
	var before callreel.Stats // warmUp is over
	for {
		step, err := src.Next()
		if errors.Is(err, io.EOF) || step.Command == ingest.StopRecording {
			res, err := rec.Stop(ctx)
			res.Stats.Frames -= before.Frames
			res.Stats.LateTicks -= before.LateTicks
			return res, err
		}
		if err != nil {
			return callreel.Result{}, err
		}
		at := step.Time.Sub(src.Recorded().Start)
		if wait := time.Until(begin.Add(at)); wait > 0 {
			time.Sleep(wait + readEvery)
		}
		if at >= warmUp && before.Frames == 0 {
			before = rec.Result().Stats
		}
		if err := step.Apply(to); err != nil {
			return callreel.Result{}, err
		}
	}
}

// now is a sink to which everything arrives now.
type now struct{ ingest.Sink }

func (n now) AddTrack(t ingest.TrackInfo) (ingest.Writer, error) {
	w, err := n.Sink.AddTrack(t)
	return nowWriter{w}, err
}

type nowWriter struct{ ingest.Writer }

func (w nowWriter) WriteRTP(p *rtp.Packet, _ time.Time) error {
	return w.Writer.WriteRTP(p, time.Now())
}

func (w nowWriter) WriteRTCP(ps []rtcp.Packet, _ time.Time) error {
	return w.Writer.WriteRTCP(ps, time.Now())
}
