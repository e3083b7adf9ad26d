package bench

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/callreel/callreel"
)

// target is something that is to be reached: a figure of a run that is to be at
// most so much.
type target struct {
	what   string
	most   float64
	figure func(Run) (float64, bool)
}

func targets() []target {
	all := []target{}
	add := func(most float64, what string, figure func(Run) (float64, bool)) {
		all = append(all, target{what, most, figure})
	}
	for _, n := range []int{4, 9, 16} {
		add(1.08, fmt.Sprintf("to the floor, %d participants, temporal layers", n), coresTo(fmt.Sprintf("meeting/%d/vp8/temporal", n), Floor))
	}
	add(0.60, "to FFmpeg veryfast, plain VP8", coresTo("meeting/9/vp8/plain", "ffmpeg:veryfast"))
	add(0.40, "to FFmpeg veryfast, temporal layers", coresTo("meeting/9/vp8/temporal", "ffmpeg:veryfast"))
	add(0.40, "to FFmpeg veryfast, simulcast", coresTo("meeting/9/vp8/simulcast", "ffmpeg:veryfast"))
	add(0.20, "to the filmed browser, 9 participants", coresTo("meeting/9/vp8/temporal", "browser:25"))
	add(0.40, "cores, 9 cameras with temporal layers", cores("meeting/9/vp8/temporal", Callreel))
	add(0.25, "cores, the same at economy", cores("meeting/9/vp8/temporal", economy))
	add(1.6, "49 participants to 9, simulcast", func(r Run) (float64, bool) {
		many, ok1 := r.named("meeting/49/vp8/simulcast", Callreel)
		nine, ok2 := r.named("meeting/9/vp8/simulcast", Callreel)
		return many.to(nine), ok1 && ok2
	})
	add(0.02, "cores, 9 who take turns, no camera, DTX", cores("meeting/9/vp8/temporal/audio", Callreel))
	add(0.05, "cores, everybody's camera is off", cores("meeting/9/vp8/temporal/off", Callreel))
	add(0.05, "cores, a still slide is shared", cores("meeting/9/vp8/temporal/slide", Callreel))
	add(0.3, "s until there is a picture", live(func(s Sample) time.Duration { return s.Unseen }))
	add(1, "s from stop to files, and finishing a file of two hours", func(r Run) (float64, bool) {
		stopping, ok := live(func(s Sample) time.Duration { return s.Stopping })(r)
		return stopping + r.Ending.Took.Seconds(), ok && r.Ending.Bytes > 0
	})
	add(200, "MiB of RSS of a process with one recording, 9 participants", peakMemory("meeting/9/vp8/temporal", Callreel))
	add(90, "the same at economy", peakMemory("meeting/9/vp8/temporal", economy))
	add(200, "MiB of RSS that each recording of 9 adds", eachMemory("meeting/9/vp8/temporal", ""))
	add(90, "the same at economy", eachMemory("meeting/9/vp8/temporal", callreel.Economy))
	add(0, "allocations per frame, packets included, 9 participants: the median", func(r Run) (float64, bool) {
		m, ok := r.named("meeting/9/vp8/temporal", Callreel)
		return m.Quality.AllocsPerFrame, ok
	})
	return all
}

func cores(scenario, subject string) func(Run) (float64, bool) {
	return func(r Run) (float64, bool) {
		m, ok := r.named(scenario, subject)
		return m.Median().Cores, ok
	}
}

// live is something of a call of nine that is recorded in real time, in seconds.
func live(get func(Sample) time.Duration) func(Run) (float64, bool) {
	return func(r Run) (float64, bool) {
		m, ok := r.named("meeting/9/vp8/temporal", Live)
		return get(m.Median()).Seconds(), ok
	}
}

func peakMemory(scenario, subject string) func(Run) (float64, bool) {
	return func(r Run) (float64, bool) {
		m, ok := r.named(scenario, subject)
		return float64(m.Median().PeakRSS >> 20), ok
	}
}

// eachMemory is what each recording at a quality adds to the RSS of its process.
func eachMemory(scenario string, q callreel.Quality) func(Run) (float64, bool) {
	return func(r Run) (float64, bool) {
		for _, c := range r.Capacities {
			want, err := ParseScenario(scenario, c.Scenario.Seconds)
			if err == nil && want == c.Scenario && c.Options[optionQuality] == string(q) {
				each, ok := c.Each()
				return float64(each >> 20), ok
			}
		}
		return 0, false
	}
}

// coresTo is callreel's cores to those of another subject, in the same rounds.
func coresTo(scenario, subject string) func(Run) (float64, bool) {
	return func(r Run) (float64, bool) {
		ours, ok1 := r.named(scenario, Callreel)
		theirs, ok2 := r.named(scenario, subject)
		return ours.to(theirs), ok1 && ok2
	}
}

// named finds a measurement by the scenario's name, whatever its length.
func (r Run) named(name, subject string) (Measurement, bool) {
	for _, m := range r.Measurements {
		if strings.HasPrefix(m.Scenario.String()+"/", name+"/") && m.Subject == subject {
			want, err := ParseScenario(name, m.Scenario.Seconds)
			if err == nil && want == m.Scenario {
				return r.find(want, subject)
			}
		}
	}
	return Measurement{}, false
}

// targets writes what is to be reached, and what was.
func (r Run) targets(w io.Writer) error {
	t := &table{}
	t.row("", "at most", "measured", "")
	for _, x := range targets() {
		figure, ok := x.figure(r)
		measured, verdict := "not measured", ""
		if ok {
			measured, verdict = fmt.Sprintf("%.3g", figure), "not met"
			if figure <= x.most {
				verdict = "met"
			}
		}
		t.row(x.what, fmt.Sprint(x.most), measured, verdict)
	}
	return t.write(w)
}
