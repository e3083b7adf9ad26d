package bench

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/callreel/callreel"
)

// A sweep tells what settings cost, at the same size.
func TestSweep(t *testing.T) {
	if raceEnabled {
		t.Skip("nothing in it runs at the same time, and it would take a minute")
	}
	settings := []Setting{{Options: "preset=ultrafast"}, {callreel.Economy, "rc-lookahead=8"}}
	swept, err := runner(t).Sweep(t.Context(), scenario(t, "synthetic/1", 2), settings)
	if err != nil {
		t.Fatal(err)
	}
	if len(swept.Points) != len(settings)*len(sweepCRF()) {
		t.Fatalf("%d points", len(swept.Points))
	}
	for i, p := range swept.Points {
		e := p.best()
		if e.Frames < 15 || e.Frames > 16 || e.CPU <= 0 || e.Bytes <= 0 || e.SSIM < 0.8 || e.SSIM > 1 {
			t.Errorf("%v, crf %d: %+v", p.Setting, p.CRF, e)
		}
		if i%2 == 1 && e.Bytes >= swept.Points[i-1].best().Bytes {
			t.Errorf("%v: %d bytes at crf %d, not fewer than at %d", p.Setting, e.Bytes, p.CRF, swept.Points[i-1].CRF)
		}
		if want := int64(1 + 8*(i/2)); e.Delay != want {
			t.Errorf("%v: delay of %d frames, want %d", p.Setting, e.Delay, want)
		}
	}
	var out bytes.Buffer
	rate := swept.Points[3].best().bitRate()
	if err := swept.Markdown(&out, rate); err != nil || !strings.Contains(out.String(), "| `economy:rc-lookahead=8` |") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// The front has those that nothing quicker equals.
func TestFront(t *testing.T) {
	point := func(name string, ms, ssim float64) []Point {
		var all []Point
		for i, crf := range sweepCRF() {
			part := float64(i)
			all = append(all, Point{Setting: ParseSetting(name + "=1"), CRF: crf, Encoding: []Encoding{
				{Frames: 8, CPU: 9, Bytes: 250_000 >> (2 * i), SSIM: 1 - (1-ssim)*math.Pow(4, part-0.5), Delay: 3},
				{Frames: 8, CPU: 8 * (ms - 2*part + 1) / 1000, Bytes: 250_000 >> (2 * i), SSIM: 0, Delay: 3},
			}})
		}
		return all
	}
	s := Swept{Points: append(append(point("slow", 30, 0.99), point("worse", 20, 0.95)...), point("quick", 10, 0.96)...)}
	// At its ceiling a setting takes the same rate at all qualities.
	ceiling := point("ceiling", 1, 0.9999)
	ceiling[1].Encoding[0].Bytes = ceiling[0].Encoding[0].Bytes - 1
	s.Points = append(s.Points, ceiling...)
	got, out := s.at(1e6) // in the middle of 2 and 0.5 Mbit/s
	if len(out) != 1 || out[0] != "`ceiling=1`" {
		t.Errorf("left out: %v", out)
	}
	for i, want := range []atSize{
		{Setting: Setting{Options: "quick=1"}, ms: 10, ssim: 0.96, front: true},
		{Setting: Setting{Options: "worse=1"}, ms: 20, ssim: 0.95},
		{Setting: Setting{Options: "slow=1"}, ms: 30, ssim: 0.99, front: true},
	} {
		g := got[i]
		if g.Setting != want.Setting || g.front != want.front || math.Abs(g.ms-want.ms) > 1e-6 || math.Abs(g.ssim-want.ssim) > 1e-6 || g.delay != 3 || g.crf != 26 {
			t.Errorf("%+v, want %+v", g, want)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, s := range Settings() {
		if again := ParseSetting(s.String()); again != s {
			t.Errorf("%v is read as %+v", s, again)
		}
		options, err := s.options(30)
		if err != nil || options["crf"] != "30" || options["preset"] == "" || options["forced-idr"] != "1" {
			t.Errorf("%v: %v, %v", s, options, err)
		}
	}
	if s := ParseSetting("x264-params=a:b"); s.Quality != "" {
		t.Errorf("%+v", s)
	}
}
