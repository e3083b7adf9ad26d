package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/callreel/callreel"
)

// Setting is one of libx264 that is compared with others.
type Setting struct {
	// Quality is the one of callreel that Options change. Empty means none.
	Quality callreel.Quality `json:"quality,omitempty"`
	// Options are NAME=VALUE with semicolons between them.
	Options string `json:"options,omitempty"`
}

// String is like economy:bf=1.
func (s Setting) String() string {
	if s.Options == "" {
		return string(s.Quality)
	}
	return strings.TrimPrefix(string(s.Quality)+":"+s.Options, ":")
}

// ParseSetting reads what String writes.
func ParseSetting(s string) Setting {
	quality, options, ok := strings.Cut(s, ":")
	switch {
	case ok && !strings.Contains(quality, "="):
		return Setting{callreel.Quality(quality), options}
	case strings.Contains(s, "="):
		return Setting{Options: s}
	}
	return Setting{Quality: callreel.Quality(s)}
}

// commonOptions are those of settings without a quality: what a recording asks of
// the encoder whatever it costs.
const commonOptions = "profile=high;maxrate=4000000;bufsize=8000000;forced-idr=1"

// options are those of the encoder at a quality (crf).
func (s Setting) options(crf int) (map[string]string, error) {
	options, err := withOptions(nil, commonOptions)
	if s.Quality != "" {
		options = callreel.VideoSettings{Encoder: "libx264", Quality: s.Quality}.EncoderOptions()
	}
	if err != nil {
		return nil, err
	}
	return withOptions(options, s.Options+";crf="+strconv.Itoa(crf))
}

// Settings are those of the table in docs/encoding.md: the presets of x264, the
// qualities of callreel, and what changing one thing of balanced does.
func Settings() []Setting {
	all := []Setting{
		{Options: "preset=ultrafast"},
		{Options: "preset=superfast"},
		{Options: "preset=veryfast"},
		{Options: "preset=faster"},
		{Quality: callreel.Economy},
		{Quality: callreel.Balanced},
		{Quality: callreel.Fine},
	}
	for _, change := range []string{
		"mbtree=0;rc-lookahead=0", "rc-lookahead=2", "rc-lookahead=4", "rc-lookahead=6", "bf=1", "bf=2",
		"qcomp=0.6", "i_qfactor=0.71", "x264-params=deadzone-inter=21:deadzone-intra=11", // as x264 has them
		"subq=0", "subq=2", "refs=2", "aq-mode=0", "aq-mode=1", "aq-mode=3",
		"coder=vlc", "8x8dct=0", "partitions=none", "partitions=all", "weightp=1",
		"x264-params=deadzone-inter=18:deadzone-intra=9:no-deblock=1",
	} {
		all = append(all, Setting{callreel.Balanced, change})
	}
	return all
}

// sweepCRF are the qualities at which each setting encodes, so that all can be
// compared at the same size.
func sweepCRF() []int { return []int{23, 29} }

// maxCRF is the worst quality of libx264.
const maxCRF = 51

// Swept is what settings came to with the composition of a call.
type Swept struct {
	Scenario Scenario `json:"scenario"`
	Points   []Point  `json:"points"`
}

// Point is a setting at a quality.
type Point struct {
	Setting  Setting    `json:"setting"`
	CRF      int        `json:"crf"`
	Encoding []Encoding `json:"encodings"` // one for each repetition; the first knows SSIM
}

// Sweep composes a call and encodes the composition with each setting, in turn.
func (r Runner) Sweep(ctx context.Context, s Scenario, settings []Setting) (swept Swept, err error) {
	r.say("%v: composing the call", s)
	c, err := makeCall(ctx, r.Cache, s)
	if err != nil {
		return swept, err
	}
	if _, err := c.captured(r.Cache); err != nil {
		return swept, err
	}
	temp, err := os.MkdirTemp("", "callreel-bench-*")
	if err != nil {
		return swept, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	b := &trial{Runner: r, ctx: ctx, call: c, ref: filepath.Join(temp, "reference")}
	if err := b.reference(); err != nil {
		return swept, err
	}
	swept.Scenario = s
	for _, setting := range settings {
		for _, crf := range sweepCRF() {
			swept.Points = append(swept.Points, Point{Setting: setting, CRF: crf})
		}
	}
	for range max(1, r.repeat()) {
		for i := range swept.Points {
			if err := b.encode(&swept.Points[i]); err != nil {
				return swept, err
			}
		}
	}
	return swept, nil
}

// encode measures a point once more.
func (b *trial) encode(p *Point) (err error) {
	j := b.job(jobEncode, b.ref)
	if j.Options, err = p.Setting.options(p.CRF); err != nil {
		return err
	}
	rep, err := j.spawn(b.ctx, b.Command)
	if err != nil {
		return fmt.Errorf("%v: %w", p.Setting, err)
	}
	e := rep.Encoding
	if len(p.Encoding) == 0 {
		e.SSIM, err = similarity(b.ctx, filepath.Join(b.ref, encodedFile), filepath.Join(b.ref, compositionFile), 1920, 1080)
		if err != nil {
			return err
		}
	}
	p.Encoding = append(p.Encoding, e)
	b.say("%v: %v, crf %d: %.1f ms a frame, %.2f Mbit/s", b.call.scenario, p.Setting, p.CRF, e.frame().Seconds()*1000, e.bitRate()/1e6)
	return nil
}

// atSize is what a setting comes to at some size.
type atSize struct {
	Setting
	ms    float64 // CPU per frame
	ssim  float64
	crf   float64
	most  int64 // bytes of memory
	delay int64
	front bool // no other one takes less time and is at least as good
}

// at returns what all settings come to at a bit rate, the quickest first, and
// tells which are on the front. Between the qualities that were measured, and a
// little beyond them, distortion and time go as the logarithm of the rate. Settings
// that would need a quality that there is not are left out.
func (s Swept) at(bitRate float64) (all []atSize, out []string) {
	for points := range slices.Chunk(s.Points, len(sweepCRF())) {
		a := interpolate(points, bitRate)
		if a.crf >= 0 && a.crf <= maxCRF { // not so if it is no number
			all = append(all, a)
		} else {
			out = append(out, "`"+a.String()+"`")
		}
	}
	slices.SortStableFunc(all, func(a, b atSize) int { return cmp.Compare(a.ms, b.ms) })
	best := 0.0
	for i := range all {
		if all[i].ssim > best {
			all[i].front, best = true, all[i].ssim
		}
	}
	return all, out
}

// interpolate goes along the line through the two points that are next to the
// bit rate.
func interpolate(points []Point, bitRate float64) atSize {
	byRate := slices.SortedFunc(slices.Values(points), func(a, b Point) int {
		return cmp.Compare(a.Encoding[0].bitRate(), b.Encoding[0].bitRate())
	})
	i := 0
	for i < len(byRate)-2 && byRate[i+1].Encoding[0].bitRate() < bitRate {
		i++
	}
	p, q := byRate[i], byRate[i+1]
	from, to := math.Log(p.Encoding[0].bitRate()), math.Log(q.Encoding[0].bitRate())
	part := (math.Log(bitRate) - from) / (to - from)
	between := func(of func(Point) float64) float64 { return of(p) + part*(of(q)-of(p)) }
	a := atSize{Setting: p.Setting, delay: p.Encoding[0].Delay}
	a.ms = between(func(p Point) float64 { return p.best().frame().Seconds() * 1000 })
	a.crf = between(func(p Point) float64 { return float64(p.CRF) })
	a.ssim = 1 - math.Exp(between(func(p Point) float64 { return math.Log(1 - p.Encoding[0].SSIM) }))
	for _, p := range points {
		a.most = max(a.most, p.best().Memory)
	}
	return a
}

// best is the quickest repetition: what else the machine does only ever adds.
func (p Point) best() Encoding {
	return slices.MinFunc(p.Encoding, func(a, b Encoding) int { return cmp.Compare(a.CPU, b.CPU) })
}

// Markdown writes a table for each bit rate.
func (s Swept) Markdown(w io.Writer, bitRates ...float64) error {
	for _, rate := range bitRates {
		if _, err := fmt.Fprintf(w, "`%v` at %.2f Mbit/s:\n\n", s.Scenario, rate/1e6); err != nil {
			return err
		}
		t := &table{}
		t.row("ms a frame", "SSIM", "front", "crf", "MiB", "frames of delay", "setting")
		all, out := s.at(rate)
		for _, a := range all {
			front := ""
			if a.front {
				front = "*"
			}
			t.row(fmt.Sprintf("%.1f", a.ms), fmt.Sprintf("%.4f", a.ssim), front, fmt.Sprintf("%.1f", a.crf),
				fmt.Sprint(a.most>>20), fmt.Sprint(a.delay), "`"+a.String()+"`")
		}
		if err := t.write(w); err != nil {
			return err
		}
		note := "\n"
		if len(out) > 0 {
			note = "\nNot to be compared at this size: " + strings.Join(out, ", ") + ".\n\n"
		}
		if _, err := io.WriteString(w, note); err != nil {
			return err
		}
	}
	return nil
}
