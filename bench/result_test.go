package bench

import "testing"

// TestAddKeepsRounds adds a run with fewer subjects to one that has all.
func TestAddKeepsRounds(t *testing.T) {
	s := scenario(t, "meeting/9/vp8/temporal", 20)
	measured := func(subject string, cores ...float64) Measurement {
		m := Measurement{Scenario: s, Subject: subject}
		for _, c := range cores {
			m.Samples = append(m.Samples, Sample{Cores: c})
		}
		return m
	}
	failed := Measurement{Scenario: s, Subject: Live, Err: "no network"}
	run := Run{Load: 2, Commit: "a", Measurements: []Measurement{measured(Callreel, 1, 2), measured(Floor, 1, 2), measured("browser:25", 10, 20), failed}}
	run.Add(Run{Load: 1, Commit: "b", PageFault: 2, Ending: Ending{Bytes: 1}, Measurements: []Measurement{measured(Callreel, 4, 6), measured(Floor, 2, 2), measured(Live, 3)}})
	ours, _ := run.find(s, Callreel)
	for subject, want := range map[string]float64{Floor: 1.5, "browser:25": 0.1} {
		theirs, ok := run.find(s, subject)
		if got := ours.to(theirs); !ok || got != want {
			t.Errorf("%v to %s, want %v", got, subject, want)
		}
	}
	if live, ok := run.find(s, Live); !ok || live.Median().Cores != 3 {
		t.Errorf("%+v: what had failed at first", live)
	}
	if run.Load != 2 || run.Commit != "b" || run.Ending.Bytes != 1 || run.PageFault != 2 {
		t.Errorf("%+v", run)
	}
}
