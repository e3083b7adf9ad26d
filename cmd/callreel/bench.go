package main

import (
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
	Compare benchCompareCmd `cmd:"" help:"Compare the results of two runs."`
	Work    benchWorkCmd    `cmd:"" hidden:"" help:"Do one measurement, for run."`
}

type benchRunCmd struct {
	Scenario      []string          `arg:"" optional:"" help:"Scenarios WORKLOAD/PARTICIPANTS/CODEC/LAYERS/CAMERAS; what is left out at the end is meeting/9/vp8/plain/on. None: all of the workload meeting."`
	Subjects      []string          `help:"Who is to record, in turn." default:"callreel,floor"`
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
	var scenarios []bench.Scenario
	for _, name := range c.Scenario {
		s, err := bench.ParseScenario(name, c.Seconds)
		if err != nil {
			return fault.Caller.Wrap(err)
		}
		scenarios = append(scenarios, s)
	}
	if len(scenarios) == 0 {
		scenarios = bench.Scenarios(bench.Meeting, c.Seconds)
	}
	r, err := c.runner(con)
	if err != nil {
		return err
	}
	run, err := r.Measure(ctx, scenarios, c.Subjects)
	if c.JSON != "" {
		err = errors.Join(err, writeJSON(c.JSON, run))
	}
	return errors.Join(err, run.Markdown(con.out))
}

func (c *benchRunCmd) runner(con console) (bench.Runner, error) {
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
