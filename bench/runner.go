package bench

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callreel/callreel/internal/codec"
)

// frameRate is that of the recordings in frames/s.
const frameRate = 8

// Subjects that are built in.
const (
	Callreel = "callreel"
	Floor    = "floor"
	Live     = "live" // callreel in real time, over WebRTC
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

// NewRun returns one of this machine, this binary, and now, without results.
func NewRun() Run {
	return Run{Time: time.Now().UTC().Truncate(time.Second), Commit: commit(), Machine: thisMachine(), Libraries: libraries(), Load: load(), PageFault: pageFault()}
}

// Measure measures subjects with scenarios, one scenario after the other, and of each
// all subjects in turn, so that what else the machine does hits all alike. What fails
// is in the results; the error is ctx's, or that of the cache. The composition that is
// under way is in the folder for temporary files: 25 MB for each of its seconds.
func (r Runner) Measure(ctx context.Context, scenarios []Scenario, subjects []string) (Run, error) {
	tasks := make([]task, len(scenarios))
	for i, s := range scenarios {
		tasks[i] = task{s, subjects}
	}
	run := NewRun()
	return run, r.oneByOne(ctx, &run, tasks)
}

// task is a scenario, and who is to record it.
type task struct {
	scenario Scenario
	subjects []string
}

func (r Runner) oneByOne(ctx context.Context, run *Run, tasks []task) error {
	for _, t := range tasks {
		if err := r.together(ctx, run, []task{t}); err != nil {
			return err
		}
	}
	return nil
}

// together repeats all tasks in turn, so that ratios between scenarios are of the same
// minutes too. All compositions are kept until the end.
func (r Runner) together(ctx context.Context, run *Run, tasks []task) (err error) {
	temp, err := os.MkdirTemp("", "callreel-bench-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	trials := make([]*trial, len(tasks))
	for i, t := range tasks {
		if trials[i], err = r.prepare(ctx, t, filepath.Join(temp, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	for n := range max(1, r.repeat()) {
		for _, t := range trials {
			for i := range t.results {
				t.measure(&t.results[i], n)
			}
		}
	}
	for _, t := range trials {
		run.Measurements = append(run.Measurements, t.results...)
	}
	return context.Cause(ctx)
}

// prepare makes the call and the reference.
func (r Runner) prepare(ctx context.Context, t task, dir string) (*trial, error) {
	r.say("%v: making the call", t.scenario)
	c, err := makeCall(ctx, r.Cache, t.scenario)
	if err != nil {
		return nil, err
	}
	if _, err := c.captured(r.Cache); err != nil {
		return nil, err
	}
	b := &trial{Runner: r, ctx: ctx, call: c, ref: filepath.Join(dir, "reference"), dir: filepath.Join(dir, "run")}
	for _, name := range t.subjects {
		b.results = append(b.results, Measurement{Scenario: t.scenario, Subject: name})
	}
	return b, b.reference()
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

// trial is the measuring of a scenario.
type trial struct {
	Runner
	ctx     context.Context
	call    call
	ref     string // folder of the reference
	dir     string // folder of what is under way
	quality Quality
	results []Measurement
}

func (b *trial) reference() error {
	dir, err := scratch(b.ref)
	if err != nil {
		return err
	}
	rep, err := b.job(jobReference, dir).spawn(b.ctx, b.Command)
	b.quality = rep.Quality
	b.quality.Pictures = b.call.pictures()
	return err
}

func (b *trial) job(kind, dir string) Job {
	return Job{Kind: kind, Scenario: b.call.scenario, Cache: b.Cache, Dir: dir, Options: b.Options}
}

// measure measures one subject for the n-th time.
func (b *trial) measure(m *Measurement, n int) {
	if m.Err != "" || b.ctx.Err() != nil {
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

func (b *trial) once(subject string, n int) (report, error) {
	name, variant, _ := strings.Cut(subject, ":")
	switch name {
	case Callreel:
		return b.callreel(variant, n)
	case Floor:
		return b.job(jobFloor, b.ref).spawn(b.ctx, b.Command)
	case Live:
		return b.live(n)
	default:
		return b.peer(subject, n)
	}
}

// callreel measures the pipeline. A variant are options of the encoder, NAME=VALUE
// with semicolons between them, besides those of the Runner.
func (b *trial) callreel(variant string, n int) (report, error) {
	dir, err := scratch(b.dir)
	if err != nil {
		return report{}, err
	}
	j := b.job(jobCompose, dir)
	if j.Options, err = withOptions(b.Options, variant); err != nil {
		return report{}, err
	}
	quality := b.quality
	if variant != "" && n == 0 {
		ref := j
		ref.Kind = jobReference
		rep, err := ref.spawn(b.ctx, b.Command)
		if err != nil {
			return rep, err
		}
		quality = rep.Quality
		quality.Pictures = b.call.pictures()
		if j.Dir, err = scratch(b.dir); err != nil {
			return rep, err
		}
	}
	if b.Profiles != "" && n == 0 {
		j.Profile = filepath.Join(b.Profiles, strings.ReplaceAll(j.Scenario.String(), "/", "-")+".pprof")
	}
	rep, err := j.spawn(b.ctx, b.Command)
	rep.Quality = quality
	return rep, err
}

// live measures callreel in real time.
func (b *trial) live(n int) (report, error) {
	dir, err := scratch(b.dir)
	if err != nil {
		return report{}, err
	}
	j := b.job(jobLive, dir)
	j.Command = b.Command
	if b.Profiles != "" && n == 0 {
		j.Profile = filepath.Join(b.Profiles, strings.ReplaceAll(j.Scenario.String(), "/", "-")+"-live.pprof")
	}
	return j.spawn(b.ctx, b.Command)
}

func withOptions(options map[string]string, more string) (map[string]string, error) {
	all := make(map[string]string)
	maps.Copy(all, options)
	for option := range strings.SplitSeq(more, ";") {
		if option == "" {
			continue
		}
		name, value, ok := strings.Cut(option, "=")
		if !ok {
			return nil, fmt.Errorf("bench: encoder option %q has no value", option)
		}
		all[name] = value
	}
	return all, nil
}

// peer measures another recorder, and what came of it the first time.
func (b *trial) peer(subject string, n int) (rep report, err error) {
	inputs := filepath.Join(filepath.Dir(b.dir), "inputs")
	if _, err := os.Stat(inputs); err != nil {
		if _, err := scratch(inputs); err != nil {
			return rep, err
		}
		if err := b.call.writeInputs(b.ctx, inputs); err != nil {
			return rep, err
		}
	}
	dir, err := scratch(b.dir)
	if err != nil {
		return rep, err
	}
	p := peer{inputs: inputs, call: b.call, bitRate: int64(b.quality.BitRate) - aacRate, width: 1920, height: 1080, rate: frameRate}
	if p.script, p.variant, err = openPeer(subject, dir); err != nil {
		return rep, err
	}
	output := filepath.Join(dir, "peer.mp4")
	if rep.Sample, err = p.record(b.ctx, output); err != nil || n > 0 {
		return rep, err
	}
	rep.Quality, err = p.quality(b.ctx, output)
	return rep, err
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
		Encoder: "libx264", Width: 64, Height: 64, FrameRate: 8, KeyInterval: 8, Options: map[string]string{"tune": "zerolatency"},
	})
	if err != nil { // this libavcodec has none
		return v
	}
	defer enc.Close()
	packets, _ := enc.Encode(image.NewYCbCr(image.Rect(0, 0, 64, 64), image.YCbCrSubsampleRatio420), 0, true)
	for _, p := range packets { // it says so in an SEI
		if _, text, ok := strings.Cut(string(p.Data), "x264 - "); ok {
			v["libx264"], _, _ = strings.Cut(text, " - ")
		}
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
