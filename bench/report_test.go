package bench

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// A report of made-up figures tells which targets are met.
func TestReportJudgesTargets(t *testing.T) {
	first, rest := plan(20)
	judged := len(first) * len(reportSubjects) // measurements that targets are judged by
	ending, err := Runner{Progress: io.Discard}.Ending(t.Context(), time.Minute)
	if err != nil || ending.Bytes < 14e6 {
		t.Fatalf("%+v, %v", ending, err)
	}
	run := Run{Libraries: libraries(), Machine: thisMachine(), Ending: ending}
	for _, task := range append(first, rest...) {
		s := task.scenario
		if err := s.check(); err != nil {
			t.Errorf("plan: %v", err)
		}
		for i, name := range reportSubjects {
			run.Measurements = append(run.Measurements, Measurement{
				Scenario: s, Subject: name, Samples: []Sample{{Cores: float64(i+1) * 0.2, PeakRSS: 150 << 20, Unseen: time.Second, Stopping: 100 * time.Millisecond}},
			})
		}
	}
	for _, quality := range []string{"", "economy"} {
		c := Capacity{Scenario: first[0].scenario, Recordings: 2, Tries: []Try{{Recordings: 1, PeakRSS: 170 << 20}, {Recordings: 2, PeakRSS: 265 << 20}}}
		if quality != "" {
			c.Options = map[string]string{"quality": quality}
		}
		run.Capacities = append(run.Capacities, c)
	}
	var page bytes.Buffer
	if err := run.WriteReport(&page); err != nil {
		t.Fatal(err)
	}
	short := run
	short.Measurements = run.Measurements[:judged]
	for _, target := range targets() {
		if _, ok := target.figure(short); !ok {
			t.Errorf("a short report does not measure %q", target.what)
		}
	}
	for _, want := range []string{
		"| to the floor, 9 participants, temporal layers | 1.08 | 0.333 | met |",
		"| to FFmpeg veryfast, plain VP8 | 0.6 | 0.25 | met |",
		"| cores, 9 cameras with temporal layers | 0.4 | 0.2 | met |",
		"| cores, everybody's camera is off | 0.05 | 0.2 | not met |",
		"| s until there is a picture | 0.3 | 1 | not met |",
		"| meeting/9/vp8/temporal/on | 0 ms | 0 of 0 | 1000 ms | 100 ms |",
		"Finishing one of 1m0s and 0.0 GB took ",
		"| MiB of RSS of a process with one recording, 9 participants | 200 | 150 | met |",
		"| MiB of RSS that each recording of 9 adds | 200 | 95 | met |",
		"| the same at economy | 90 | 95 | not met |",
		"| meeting/9/vp8/temporal/on quality=economy | 2 | 0.00 | 0 ms | 265 | 95 |",
		"| meeting/9/vp8/plain/on | browser:25 | 1.400 ± 0.000 | 2.33 | 150 |",
		"libx264 core ",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(page.String(), "not measured") || strings.Contains(page.String(), "{{") {
		t.Error(page.String())
	}
}
