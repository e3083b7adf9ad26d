package bench

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/callreel/callreel/internal/codec"
)

// Subjects that are built in.
const (
	Callreel = "callreel"
	Floor    = "floor"
)

// Runner makes measurements.
type Runner struct {
	// Cache is where calls are kept from one run to the next. What is in it can
	// be made again.
	Cache string
	// Command starts a process that calls Work. It gets the job on its standard
	// input.
	Command []string
	// Repeat is how often everything is measured. Zero means 3.
	Repeat int
	// Options are those of the encoder.
	Options map[string]string
	// Profiles is the folder for CPU profiles. Empty means none.
	Profiles string
	// Progress is told what is done. It must not be nil.
	Progress io.Writer
}

// Measure measures subjects with scenarios. What fails is in the results; the
// error is ctx's, or that of the cache.
func (r Runner) Measure(ctx context.Context, scenarios []Scenario, subjects []string) (Run, error) {
	run := Run{Time: time.Now().UTC().Truncate(time.Second), Commit: commit(), Machine: thisMachine(), Libraries: libraries()}
	for _, s := range scenarios {
		ms, err := r.scenario(ctx, s, subjects)
		run.Measurements = append(run.Measurements, ms...)
		if err != nil {
			return run, err
		}
	}
	return run, nil
}

// scenario measures all subjects with one scenario, in turn, so that what else
// the machine does hits all alike.
func (r Runner) scenario(ctx context.Context, s Scenario, subjects []string) (_ []Measurement, err error) {
	r.say("%v: making the call", s)
	c, err := makeCall(ctx, r.Cache, s)
	if err != nil {
		return nil, err
	}
	if _, err := c.captured(r.Cache); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "callreel-bench-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := os.RemoveAll(temp); err == nil {
			err = cerr
		}
	}()
	b := &round{Runner: r, ctx: ctx, call: c, ref: filepath.Join(temp, "reference"), dir: filepath.Join(temp, "run")}
	if err := b.reference(); err != nil {
		return nil, err
	}
	for _, name := range subjects {
		b.results = append(b.results, Measurement{Scenario: s, Subject: name})
	}
	for n := range max(1, r.repeat()) {
		for i := range b.results {
			b.measure(&b.results[i], n)
			if ctx.Err() != nil {
				return b.results, context.Cause(ctx)
			}
		}
	}
	return b.results, nil
}

func (r Runner) repeat() int {
	if r.Repeat == 0 {
		return 3
	}
	return r.Repeat
}

func (r Runner) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.Progress, format+"\n", args...) // it is only for a person to see
}

// round is the measuring of a scenario.
type round struct {
	Runner
	ctx     context.Context
	call    call
	ref     string // folder of the reference
	dir     string // folder of what is under way
	quality Quality
	results []Measurement
}

func (b *round) reference() error {
	dir, err := scratch(b.ref)
	if err != nil {
		return err
	}
	rep, err := b.job(jobReference, dir).spawn(b.ctx, b.Command)
	b.quality = rep.Quality
	b.quality.Pictures = b.call.pictures()
	return err
}

func (b *round) job(kind, dir string) Job {
	return Job{Kind: kind, Scenario: b.call.scenario, Cache: b.Cache, Dir: dir, Options: b.Options}
}

// measure measures one subject for the n-th time.
func (b *round) measure(m *Measurement, n int) {
	if m.Err != "" {
		return
	}
	rep, err := b.once(m.Subject, n)
	if err != nil {
		m.Err = err.Error()
		b.say("%v: %s: %v", m.Scenario, m.Subject, err)
		return
	}
	m.Samples = append(m.Samples, rep.Sample)
	if n == 0 {
		m.Quality = rep.Quality
	}
	b.say("%v: %s: %.3f cores, %d MiB", m.Scenario, m.Subject, rep.Sample.Cores, rep.Sample.PeakRSS>>20)
}

func (b *round) once(subject string, n int) (report, error) {
	switch subject {
	case Callreel:
		dir, err := scratch(b.dir)
		if err != nil {
			return report{}, err
		}
		j := b.job(jobCompose, dir)
		if b.Profiles != "" && n == 0 {
			j.Profile = filepath.Join(b.Profiles, strings.ReplaceAll(j.Scenario.String(), "/", "-")+".pprof")
		}
		rep, err := j.spawn(b.ctx, b.Command)
		rep.Quality = b.quality
		return rep, err
	case Floor:
		return b.job(jobFloor, b.ref).spawn(b.ctx, b.Command)
	default:
		return report{}, fmt.Errorf("bench: no subject %q", subject)
	}
}

// pictures counts those that all cameras and screens send, in all layers.
func (c call) pictures() (n uint64) {
	for _, p := range c.parties {
		for _, s := range p.sends {
			if strings.HasPrefix(s.MIME, "video/") {
				n += uint64(len(s.Frames))
			}
		}
	}
	return n
}

// commit returns that of the binary, if it is known.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var revision, changed string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	return revision + changed
}

// libraries returns the versions of what does the work.
func libraries() map[string]string {
	v := maps.Clone(codec.Versions())
	v["go"] = runtime.Version()
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: "libx264", Width: 64, Height: 64, FrameRate: 8, KeyInterval: 8, GlobalHeader: true,
	})
	if err != nil { // this libavcodec has none
		return v
	}
	defer enc.Close()
	if _, text, ok := strings.Cut(string(enc.Header()), "x264 - "); ok { // in the stream's SEI
		v["libx264"], _, _ = strings.Cut(text, " - ")
	}
	return v
}

// Names returns the subjects in results, in order.
func (r Run) Names() (names []string) {
	for _, m := range r.Measurements {
		if !slices.Contains(names, m.Subject) {
			names = append(names, m.Subject)
		}
	}
	return names
}
