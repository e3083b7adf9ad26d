package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/callreel/callreel/bench"
	"github.com/callreel/callreel/internal/fault"
)

// benchCmd measures what recording costs.
type benchCmd struct {
	Run     benchRunCmd     `cmd:"" help:"Measure: make calls of real footage, and record them."`
	Report  benchReportCmd  `cmd:"" help:"Measure beside other recorders, and write docs/performance.md."`
	Fit     benchFitCmd     `cmd:"" help:"Find out how many recordings this machine can make at a time."`
	Sweep   benchSweepCmd   `cmd:"" help:"Compare settings of the encoder at the same size."`
	Compare benchCompareCmd `cmd:"" help:"Compare the results of two runs."`
	Work    benchWorkCmd    `cmd:"" hidden:"" help:"Do one measurement, for run."`
}

type benchRunCmd struct {
	Scenario []string  `arg:"" optional:"" help:"Scenarios WORKLOAD/PARTICIPANTS/CODEC/LAYERS/CAMERAS; what is left out at the end is meeting/9/vp8/plain/on. None: all of the workload meeting."`
	Subjects []string  `help:"Who is to record, in turn: callreel (or callreel:OPTION=VALUE;... of the encoder), floor, ffmpeg:PRESET, gstreamer:PRESET, browser:RATE, or the path of a script." default:"callreel,floor"`
	How      measuring `embed:""`
}

// measuring is what all measurements have in common.
type measuring struct {
	Seconds       int               `help:"Length of the calls." default:"20"`
	Repeat        int               `help:"How often each is measured." default:"3"`
	JSON          string            `name:"json" help:"File for the results." placeholder:"FILE" type:"path"`
	Profile       string            `help:"Folder for CPU profiles, with the label stage." placeholder:"DIR" type:"path"`
	EncoderOption map[string]string `help:"Options of the encoder, such as preset=veryfast;crf=22." placeholder:"NAME=VALUE"`
	Cache         string            `help:"Folder in which footage and calls are kept." placeholder:"DIR" type:"path"`
}

// Help is shown by callreel bench run --help.
func (benchRunCmd) Help() string {
	return `Footage and speech come from Debian packages, which apt-get downloads once; the workload synthetic needs none. FFmpeg must be installed. Each measurement is a process of its own. What the tables mean, and how other recorders are measured in the same way, is in bench/README.md.`
}

// Run measures.
func (c *benchRunCmd) Run(ctx context.Context, con console) error {
	scenarios, err := c.How.scenarios(c.Scenario)
	if err != nil {
		return err
	}
	if len(scenarios) == 0 {
		scenarios = bench.Scenarios(bench.Meeting, c.How.Seconds)
	}
	r, err := c.How.runner(con)
	if err != nil {
		return err
	}
	run, err := r.Measure(ctx, scenarios, c.Subjects)
	return errors.Join(err, c.How.keep(run), run.Markdown(con.out))
}

type benchFitCmd struct {
	Scenario []string  `arg:"" help:"Scenarios, as of run."`
	How      measuring `embed:""`
}

// Run searches.
func (c *benchFitCmd) Run(ctx context.Context, con console) error {
	scenarios, err := c.How.scenarios(c.Scenario)
	if err != nil {
		return err
	}
	r, err := c.How.runner(con)
	if err != nil {
		return err
	}
	run := bench.NewRun()
	for _, s := range scenarios {
		found, err := r.Capacity(ctx, s)
		if err != nil {
			return err
		}
		run.Capacities = append(run.Capacities, found)
	}
	return errors.Join(c.How.keep(run), run.Markdown(con.out))
}

type benchReportCmd struct {
	Output string    `short:"o" help:"File to write." default:"docs/performance.md" placeholder:"FILE" type:"path"`
	From   []string  `help:"Measure nothing: write the report of these results, the earliest first." placeholder:"FILE" type:"existingfile"`
	Short  bool      `help:"Measure only what there are targets for."`
	How    measuring `embed:""`
}

// Run measures and writes.
func (c *benchReportCmd) Run(ctx context.Context, con console) (err error) {
	var run bench.Run
	if len(c.From) > 0 {
		run, err = readRuns(c.From)
	} else {
		run, err = c.measure(ctx, con)
	}
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := run.WriteReport(&page); err != nil {
		return err
	}
	return fault.Caller.Wrap(os.WriteFile(c.Output, page.Bytes(), 0o666))
}

func (c *benchReportCmd) measure(ctx context.Context, con console) (bench.Run, error) {
	r, err := c.How.runner(con)
	if err != nil {
		return bench.Run{}, err
	}
	run, err := r.Report(ctx, c.How.Seconds, c.Short)
	return run, errors.Join(err, c.How.keep(run))
}

func (c *measuring) scenarios(names []string) (all []bench.Scenario, err error) {
	for _, name := range names {
		s, err := bench.ParseScenario(name, c.Seconds)
		if err != nil {
			return nil, fault.Caller.Wrap(err)
		}
		all = append(all, s)
	}
	return all, nil
}

// keep writes the results if there is a file for them.
func (c *measuring) keep(run bench.Run) error {
	if c.JSON == "" {
		return nil
	}
	return writeJSON(c.JSON, run)
}

func (c *measuring) runner(con console) (bench.Runner, error) {
	self, err := os.Executable()
	if err != nil {
		return bench.Runner{}, err
	}
	cache := c.Cache
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return bench.Runner{}, fault.Caller.Wrap(fmt.Errorf("%w: say --cache", err))
		}
		cache = filepath.Join(dir, "callreel-bench")
	}
	if c.Profile != "" {
		if err := os.MkdirAll(c.Profile, 0o777); err != nil {
			return bench.Runner{}, fault.Caller.Wrap(err)
		}
	}
	return bench.Runner{
		Cache: cache, Command: []string{self, "bench", "work"}, Repeat: c.Repeat,
		Options: c.EncoderOption, Profiles: c.Profile, Progress: con.err,
	}, nil
}

func writeJSON(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return fault.Caller.Wrap(os.WriteFile(file, append(data, '\n'), 0o666))
}

type benchCompareCmd struct {
	A string `arg:"" help:"Results of a run (--json)." type:"existingfile"`
	B string `arg:"" help:"Those of another." type:"existingfile"`
}

// Run compares.
func (c *benchCompareCmd) Run(con console) error {
	a, err := readRun(c.A)
	if err != nil {
		return err
	}
	b, err := readRun(c.B)
	if err != nil {
		return err
	}
	return bench.CompareMarkdown(con.out, a, b)
}

// readRuns takes several results of one machine together, the earliest first.
func readRuns(files []string) (all bench.Run, err error) {
	for i, file := range files {
		run, err := readRun(file)
		if err != nil {
			return all, err
		}
		if i == 0 {
			all = run
		} else {
			all.Add(run)
		}
	}
	return all, nil
}

func readRun(file string) (run bench.Run, err error) {
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &run)
	}
	if err != nil {
		return run, fault.Caller.Wrap(fmt.Errorf("%s: %w", file, err))
	}
	return run, nil
}

type benchWorkCmd struct{}

// Run does the job that is on the standard input.
func (benchWorkCmd) Run(ctx context.Context, con console) error {
	return bench.Work(ctx, os.Stdin, con.out)
}
