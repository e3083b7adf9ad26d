package bench

import (
	"bytes"
	"strings"
	"testing"
)

// A report of made-up figures tells which targets are met.
func TestReportJudgesTargets(t *testing.T) {
	all, few, subjects := Plan(20)
	run := Run{Libraries: libraries(), Machine: thisMachine()}
	for _, s := range append(all, few...) {
		if err := s.check(); err != nil {
			t.Errorf("plan: %v", err)
		}
		for i, name := range subjects {
			run.Measurements = append(run.Measurements, Measurement{
				Scenario: s, Subject: name, Samples: []Sample{{Cores: float64(i+1) * 0.2, PeakRSS: 150 << 20}},
			})
		}
	}
	var page bytes.Buffer
	if err := run.WriteReport(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| to the floor, 9 participants, temporal layers | 1.08 | 0.333 | met |",
		"| to FFmpeg veryfast, plain VP8 | 0.6 | 0.25 | met |",
		"| cores, 9 cameras with temporal layers | 0.4 | 0.2 | met |",
		"| cores, everybody's camera is off | 0.05 | 0.2 | not met |",
		"| MiB of RSS, 9 participants | 200 | 150 | met |",
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
