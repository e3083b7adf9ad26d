package bench

import (
	"fmt"
	"io"
)

// leastNoise is how far apart two medians must be at least to differ, whatever
// the repetitions say, as a fraction.
const leastNoise = 0.02

// Difference is that of two measurements of the same scenario and subject.
type Difference struct {
	Scenario Scenario
	Subject  string
	A, B     Measurement
	// Ratio is B's cores to A's.
	Ratio float64
	// Outside says that it is more than noise: the ranges of the repetitions
	// don't touch, and the medians are 2 % apart.
	Outside bool
}

// Compare pairs what is in both runs. Scenarios of different length are compared.
func Compare(a, b Run) []Difference {
	var all []Difference
	for _, ma := range a.Measurements {
		for _, mb := range b.Measurements {
			s := mb.Scenario
			s.Seconds = ma.Scenario.Seconds
			if s != ma.Scenario || ma.Subject != mb.Subject || len(ma.Samples) == 0 || len(mb.Samples) == 0 {
				continue
			}
			d := Difference{Scenario: ma.Scenario, Subject: ma.Subject, A: ma, B: mb}
			d.Ratio = mb.Median().Cores / ma.Median().Cores
			d.Outside = apart(ma, mb) && (d.Ratio > 1+leastNoise || d.Ratio < 1-leastNoise)
			all = append(all, d)
		}
	}
	return all
}

// apart reports whether the samples of one are all above those of the other.
func apart(a, b Measurement) bool {
	above := func(x, y Measurement) bool {
		for _, s := range x.Samples {
			for _, t := range y.Samples {
				if s.Cores <= t.Cores {
					return false
				}
			}
		}
		return true
	}
	return above(a, b) || above(b, a)
}

// CompareMarkdown writes differences as a table. Runs of different machines are
// told to be that.
func CompareMarkdown(w io.Writer, a, b Run) error {
	if a.Machine != b.Machine {
		if _, err := fmt.Fprintf(w, "The machines differ: %v, %v. Only ratios within a run mean something.\n\n", a.Machine, b.Machine); err != nil {
			return err
		}
	}
	t := &table{}
	t.row("scenario", "subject", "cores A", "cores B", "B/A", "", "RSS B/A", "bytes B/A", "SSIM B - A")
	for _, d := range Compare(a, b) {
		ma, mb := d.A.Median(), d.B.Median()
		verdict := "within noise"
		switch {
		case d.Outside && d.Ratio < 1:
			verdict = "less"
		case d.Outside:
			verdict = "more"
		}
		t.row(d.Scenario.String(), d.Subject, fmt.Sprintf("%.3f", ma.Cores), fmt.Sprintf("%.3f", mb.Cores),
			fmt.Sprintf("%.3f", d.Ratio), verdict, ratio(float64(mb.PeakRSS), float64(ma.PeakRSS)),
			ratio(d.B.Quality.BitRate, d.A.Quality.BitRate), difference(d.B.Quality.SSIM, d.A.Quality.SSIM))
	}
	return t.write(w)
}

func ratio(b, a float64) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f", b/a)
}

func difference(b, a float64) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf("%+.4f", b-a)
}
