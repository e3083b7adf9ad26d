package main

import (
	"context"
	"fmt"

	"github.com/callreel/callreel/bench"
	"github.com/callreel/callreel/internal/fault"
)

// benchSweepCmd compares settings of the encoder.
type benchSweepCmd struct {
	Scenario []string  `arg:"" optional:"" help:"Scenarios, as of run. None: meeting/9/vp8/temporal and motion/9/vp8/temporal."`
	Setting  []string  `help:"Settings of libx264 to compare: a quality and what is changed of it, or options alone; without crf. None: those of the table in docs/encoding.md." sep:"none" placeholder:"[QUALITY:]OPTION=VALUE;..."`
	Mbps     []float64 `help:"Sizes at which they are compared, in Mbit/s." default:"2,1.2"`
	How      measuring `embed:""`
}

// Run encodes and compares.
func (c *benchSweepCmd) Run(ctx context.Context, con console) error {
	if len(c.Scenario) == 0 {
		c.Scenario = []string{"meeting/9/vp8/temporal", "motion/9/vp8/temporal"}
	}
	scenarios, err := c.How.scenarios(c.Scenario)
	if err != nil {
		return err
	}
	settings := bench.Settings()
	if len(c.Setting) > 0 {
		settings = nil
	}
	for _, s := range c.Setting {
		settings = append(settings, bench.ParseSetting(s))
	}
	rates := make([]float64, len(c.Mbps))
	for i, m := range c.Mbps {
		if m <= 0 {
			return fault.Caller.Wrap(fmt.Errorf("a size of %v Mbit/s", m))
		}
		rates[i] = m * 1e6
	}
	r, err := c.How.runner(con)
	if err != nil {
		return err
	}
	run := bench.NewRun()
	for _, s := range scenarios {
		swept, err := r.Sweep(ctx, s, settings)
		if err != nil {
			return err
		}
		run.Sweeps = append(run.Sweeps, swept)
		if err := swept.Markdown(con.out, rates...); err != nil {
			return err
		}
	}
	return c.How.keep(run)
}
