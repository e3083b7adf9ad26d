package bench

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/callreel/callreel"
)

// economy is callreel at that quality.
const economy = Callreel + ":quality=economy"

// reportSubjects are those of the first table of a report.
var reportSubjects = []string{Callreel, Live, Floor, "ffmpeg:veryfast", "ffmpeg:superfast", "gstreamer:veryfast", "browser:25", economy}

// both are who records what only the floor is compared with.
var both = []string{Callreel, Floor}

// targeted are the scenarios with targets, and who records them.
var targeted = []struct {
	scenario string
	subjects []string
}{
	{"meeting/9/vp8/temporal", reportSubjects},
	{"meeting/9/vp8/plain", reportSubjects},
	{"meeting/9/vp8/simulcast", reportSubjects},
	{"meeting/49/vp8/simulcast", both},
	{"meeting/4/vp8/temporal", both},
	{"meeting/16/vp8/temporal", both},
	{"meeting/9/vp8/temporal/audio", both},
	{"meeting/9/vp8/temporal/off", both},
	{"meeting/9/vp8/temporal/slide", both},
}

// plan is what a report is made of: the scenarios with targets, and others.
func plan(seconds int) (first, rest []task) {
	for _, t := range targeted {
		s, _ := ParseScenario(t.scenario, seconds) // they are good: a test reads the plan
		first = append(first, task{s.lasting(), t.subjects})
	}
	motion, _ := ParseScenario("motion/9/vp8/temporal", seconds)
	rest = []task{{motion, reportSubjects}}
	for _, s := range Scenarios(Meeting, seconds) {
		if !slices.ContainsFunc(first, func(t task) bool { return t.scenario == s }) {
			rest = append(rest, task{s, both})
		}
	}
	return first, rest
}

// Report measures the scenarios with targets in rounds, unless it is to be short all
// others too, one by one, and how many recordings fit.
func (r Runner) Report(ctx context.Context, seconds int, short bool) (Run, error) {
	first, rest := plan(seconds)
	if short {
		rest = nil
	}
	run := NewRun()
	err := r.together(ctx, &run, first)
	if err != nil {
		return run, err
	}
	if err = r.oneByOne(ctx, &run, rest); err != nil {
		return run, err
	}
	if run.Ending, err = r.Ending(ctx, longRecording); err != nil {
		return run, err
	}
	run.Capacities, err = r.reportCapacities(ctx)
	return run, err
}

// capacitySeconds is how long the calls are of which it is tried how many fit: what
// all take to begin does not count.
const capacitySeconds = 20

// reportCapacities finds out how many of the usual recordings fit, and how many
// at economy.
func (r Runner) reportCapacities(ctx context.Context) ([]Capacity, error) {
	s, err := ParseScenario("meeting/9/vp8/temporal", capacitySeconds)
	if err != nil {
		return nil, err
	}
	usual, err := r.Capacity(ctx, s)
	if err != nil {
		return nil, err
	}
	r.Options = map[string]string{optionQuality: string(callreel.Economy)}
	economy, err := r.Capacity(ctx, s)
	return []Capacity{usual, economy}, err
}

//go:embed report.md
var reportText string

// WriteReport writes docs/performance.md.
func (r Run) WriteReport(w io.Writer) error {
	var main, others Run
	for _, m := range r.Measurements {
		if r.peered(m.Scenario) {
			main.Measurements = append(main.Measurements, m)
		} else {
			others.Measurements = append(others.Measurements, m)
		}
	}
	var parts [6]strings.Builder
	for _, err := range []error{
		main.summary(&parts[0]), main.stages(&parts[1]), r.targets(&parts[2]), others.Markdown(&parts[3]), r.capacities(&parts[4]), r.realTime(&parts[5]),
	} {
		if err != nil {
			return err
		}
	}
	var about strings.Builder
	about.WriteString(r.Time.Format("2 January 2006"))
	if r.Commit != "" {
		fmt.Fprintf(&about, ", commit %.12s", r.Commit)
	}
	fmt.Fprintf(&about, ", on %s with %v cores, %d GiB, %s; ", r.Machine.CPU, r.Machine.Cores, r.Machine.Memory>>30, r.Machine.Kernel)
	about.WriteString(r.versions())
	about.WriteString(r.conditions())
	_, err := strings.NewReplacer(
		"{{about}}", about.String(), "{{peers}}", parts[0].String(), "{{stages}}", parts[1].String(),
		"{{targets}}", parts[2].String(), "{{scenarios}}", parts[3].String(), "{{capacity}}", parts[4].String(),
		"{{realtime}}", parts[5].String(), "{{ending}}", r.Ending.String(),
	).WriteString(w, reportText)
	return err
}

// peered reports whether others than callreel and the floor recorded a scenario.
func (r Run) peered(s Scenario) bool {
	return slices.ContainsFunc(r.Measurements, func(m Measurement) bool {
		return m.Scenario == s && m.Subject != Callreel && m.Subject != Floor && m.Subject != Live
	})
}

// conditions says what the figures are worth.
func (r Run) conditions() string {
	if len(r.Measurements) == 0 {
		return ""
	}
	least, usual := len(r.Measurements[0].Samples), r.Measurements[0].Scenario.Seconds
	others := make(map[int][]string) // scenarios by their length
	for _, m := range r.Measurements {
		if m.Err == "" {
			least = min(least, len(m.Samples))
		}
		if s := m.Scenario; s.Seconds != usual && !slices.Contains(others[s.Seconds], s.String()) {
			others[s.Seconds] = append(others[s.Seconds], s.String())
		}
	}
	text := fmt.Sprintf(". Calls of %d s, each recorded at least %d times", usual, least)
	for _, seconds := range slices.Sorted(maps.Keys(others)) {
		text += fmt.Sprintf("; of %d s are %s", seconds, strings.Join(others[seconds], ", "))
	}
	if r.PageFault > 0 {
		text += fmt.Sprintf(". A page of memory takes %.1f us here when it is used for the first time, which all pay at their beginning", r.PageFault.Seconds()*1e6)
	}
	const quiet = 0.5
	if r.Load > quiet {
		text += fmt.Sprintf(". **The machine had other work (a load of %.1f when it began): these figures are rough**", r.Load)
	}
	return text
}

// versions lists those of the libraries.
func (r Run) versions() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.Libraries)) {
		version := r.Libraries[name]
		if !strings.Contains(version, strings.TrimPrefix(name, "lib")) {
			version = name + " " + version
		}
		all = append(all, version)
	}
	return strings.Join(all, ", ")
}
