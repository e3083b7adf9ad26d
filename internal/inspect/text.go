package inspect

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// maxListed is how many key frame positions the text lists.
const maxListed = 8

// WriteText writes the report for people to read.
func (r Report) WriteText(w io.Writer) error {
	b := &strings.Builder{}
	kind := "progressive"
	if r.Fragmented {
		kind = fmt.Sprintf("%d fragments, %d of them without a key frame first, index %s", r.Fragments, r.NoKeyFrame, yes(r.Index))
	}
	fmt.Fprintf(b, "file: %d bytes, brand %q, %s\n", r.Bytes, r.Brand, kind)
	fmt.Fprintf(b, "header: %s", seconds(r.Duration, r.Timescale))
	if !r.Created.IsZero() {
		fmt.Fprintf(b, ", created %s", r.Created.Format(time.RFC3339))
	}
	fmt.Fprintln(b)
	for _, t := range r.Tracks {
		t.writeText(b, r.Timescale)
	}
	if r.LengthDifference != 0 {
		fmt.Fprintf(b, "video is longer than audio by %d microseconds\n", r.LengthDifference)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(b, "%s: %s\n", p.Severity, p.Text)
	}
	if r.MoreProblems > 0 {
		fmt.Fprintf(b, "and %d more problems\n", r.MoreProblems)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t Track) writeText(w *strings.Builder, movie int64) {
	fmt.Fprintf(w, "track %d: %s\n", t.ID, strings.Join(t.format(), ", "))
	fmt.Fprintf(w, "  %s shown of %s, timescale %d, %d samples, %d bytes, %d bits/s\n",
		seconds(t.Duration, t.Timescale), seconds(t.Decoded, t.Timescale), t.Timescale, t.Samples, t.Bytes, t.BitRate)
	if t.FrameRate != "" {
		fmt.Fprintf(w, "  %s frames/s, exact grid %s\n", t.FrameRate, yes(t.ExactGrid))
	}
	if t.KeyFrames > 0 {
		fmt.Fprintf(w, "  %d key frames, at most %s apart:", t.KeyFrames, seconds(t.KeyDistance, t.Timescale))
		for _, p := range t.KeyPositions[:min(maxListed, len(t.KeyPositions))] {
			fmt.Fprintf(w, " %s", seconds(p, t.Timescale))
		}
		if t.KeyFrames > maxListed {
			fmt.Fprint(w, " ...")
		}
		fmt.Fprintln(w)
	}
	if c := t.Colour; c != nil {
		fmt.Fprintf(w, "  colour primaries %d, transfer %d, matrix %d, full range %s\n", c.Primaries, c.Transfer, c.Matrix, yes(c.FullRange))
	}
	for _, e := range t.Edits {
		fmt.Fprintf(w, "  edit: %s from media time %s\n", seconds(e.Duration, movie), seconds(e.MediaTime, t.Timescale))
	}
	for _, g := range t.Gaps {
		fmt.Fprintf(w, "  gap at %s by %s\n", seconds(g.At, t.Timescale), seconds(g.Length, t.Timescale))
	}
}

// format is what the track is, in the parts that are known.
func (t Track) format() []string {
	parts := []string{t.Kind, t.Codec}
	if t.Profile != "" {
		parts = append(parts, strings.TrimSpace(t.Profile+" "+t.Level))
	}
	if t.Width > 0 {
		parts = append(parts, fmt.Sprintf("%dx%d", t.Width, t.Height))
	}
	if t.SampleRate > 0 {
		parts = append(parts, fmt.Sprintf("%d Hz", t.SampleRate))
	}
	if t.Channels > 0 {
		parts = append(parts, fmt.Sprintf("%d channels", t.Channels))
	}
	return parts
}

// seconds writes a time with microseconds.
func seconds(v, timescale int64) string {
	us := scale(v, 1e6, timescale)
	sign := ""
	if us < 0 {
		sign, us = "-", -us
	}
	return fmt.Sprintf("%s%d.%06d s", sign, us/1e6, us%1e6)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
