package bench

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrScenario says that there is no such scenario.
var ErrScenario = errors.New("bench: no such scenario")

// What there is to choose from.
var (
	workloads   = []string{Meeting, Motion, Synthetic}
	videoCodecs = []string{"vp8", "vp9", "h264", "av1"}
	layerings   = []string{Plain, Temporal, Simulcast}
	cameras     = []string{On, Half, Share, Slide, Muted, Off, Audio}
)

// Workloads are what cameras show.
const (
	Meeting   = "meeting"   // fixed cameras, and faces that hardly move
	Motion    = "motion"    // cameras in hands, and films
	Synthetic = "synthetic" // drawn by FFmpeg: needs no footage
)

// Layerings are what a camera sends.
const (
	Plain     = "plain"     // one stream in which each picture needs the one before
	Temporal  = "temporal"  // three temporal layers (L1T3)
	Simulcast = "simulcast" // 640x360, 320x180 and 160x90, of VP8 with three temporal layers each
)

// Cameras are who shows and says what.
const (
	On    = "on"    // all cameras; one speaks at a time
	Half  = "half"  // every other one
	Share = "share" // all cameras, and one shares a screen whose slide changes now and then
	Slide = "slide" // no camera; one shares a slide
	Muted = "muted" // all cameras; all microphones are muted
	Off   = "off"   // no camera
	Audio = "audio" // no camera; silence is not sent (DTX)
)

// Scenario is a call to be recorded.
type Scenario struct {
	Workload     string `json:"workload"`
	Participants int    `json:"participants"`
	Codec        string `json:"codec"`
	Layers       string `json:"layers"`
	Cameras      string `json:"cameras"`
	Seconds      int    `json:"seconds"`
}

// String is the scenario without its length: meeting/9/vp8/temporal/on.
func (s Scenario) String() string {
	return strings.Join([]string{s.Workload, strconv.Itoa(s.Participants), s.Codec, s.Layers, s.Cameras}, "/")
}

// ParseScenario reads what String wrote. Parts may be left out at the end; the
// rest is meeting/9/vp8/plain/on. The error is [ErrScenario].
func ParseScenario(name string, seconds int) (Scenario, error) {
	s := Scenario{Meeting, 9, "vp8", Plain, On, seconds}
	parts := strings.Split(name, "/")
	if len(parts) > 5 || seconds < 1 {
		return s, fmt.Errorf("%w: %q of %d s", ErrScenario, name, seconds)
	}
	for i, part := range parts {
		switch i {
		case 0:
			s.Workload = part
		case 1:
			s.Participants, _ = strconv.Atoi(part) // zero is refused below
		case 2:
			s.Codec = part
		case 3:
			s.Layers = part
		case 4:
			s.Cameras = part
		}
	}
	return s, s.check()
}

func (s Scenario) check() error {
	for _, c := range []struct {
		value string
		of    []string
	}{{s.Workload, workloads}, {s.Codec, videoCodecs}, {s.Layers, layerings}, {s.Cameras, cameras}} {
		if !slices.Contains(c.of, c.value) {
			return fmt.Errorf("%w: %q is none of %s", ErrScenario, c.value, strings.Join(c.of, ", "))
		}
	}
	switch {
	case s.Participants < 1 || s.Participants > 200:
		return fmt.Errorf("%w: %d participants", ErrScenario, s.Participants)
	case s.Layers == Temporal && s.Codec != "vp8" && s.Codec != "vp9":
		return fmt.Errorf("%w: temporal layers of %s", ErrScenario, s.Codec)
	case s.Layers == Simulcast && s.Codec != "vp8" && s.Codec != "h264":
		return fmt.Errorf("%w: simulcast of %s", ErrScenario, s.Codec)
	}
	return nil
}

// Scenarios of a report: sizes, codecs, layerings, and what people do.
func Scenarios(workload string, seconds int) []Scenario {
	var all []Scenario
	add := func(n int, codec, layers, cameras string) {
		all = append(all, Scenario{workload, n, codec, layers, cameras, seconds}.lasting())
	}
	for _, n := range []int{1, 4, 9, 16, 25, 49} {
		for _, l := range layerings {
			add(n, "vp8", l, On)
		}
	}
	for _, c := range videoCodecs[1:] {
		add(9, c, Plain, On)
	}
	add(9, "vp9", Temporal, On)
	add(9, "h264", Simulcast, On)
	for _, c := range cameras[1:] {
		add(9, "vp8", Temporal, c)
	}
	return all
}

// standsFor is how many times as long as others a call is in which the picture stands.
const standsFor = 3

// lasting returns the scenario in the length that it has in a report: what the first
// pictures cost is not what it costs that they stand.
func (s Scenario) lasting() Scenario {
	if !s.sends(0) {
		s.Seconds *= standsFor
	}
	return s
}

// sends reports whether participant i has a camera on.
func (s Scenario) sends(i int) bool {
	switch s.Cameras {
	case Half:
		return i%2 == 0
	case Off, Audio, Slide:
		return false
	default:
		return true
	}
}

// shares reports whether participant i shares a screen.
func (s Scenario) shares(i int) bool { return i == 0 && (s.Cameras == Share || s.Cameras == Slide) }
