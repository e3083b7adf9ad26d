package bench

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/callreel/callreel/internal/probe"
)

// Markdown writes the results as tables: what each subject needs, and where the
// time goes.
func (r Run) Markdown(w io.Writer) error {
	if len(r.Capacities) > 0 {
		return r.capacities(w)
	}
	if err := r.summary(w); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return r.stages(w)
}

// summary writes what each subject needs.
func (r Run) summary(w io.Writer) error {
	t := &table{}
	t.row("scenario", "subject", "cores", "of the floor", "peak RSS, MiB", "of it files", "Mbit/s", "SSIM", "decoded of sent")
	for _, m := range r.Measurements {
		if m.Err != "" {
			t.row(m.Scenario.String(), m.Subject, "failed", "", "", "", "", "", "")
			continue
		}
		med, q := m.Median(), m.Quality
		ratio := ""
		if floor, ok := r.find(m.Scenario, Floor); ok && floor.Median().Cores > 0 && m.Subject != Floor {
			ratio = fmt.Sprintf("%.2f", m.to(floor))
		}
		t.row(m.Scenario.String(), m.Subject, fmt.Sprintf("%.3f ± %.3f", med.Cores, m.spread()/2), ratio,
			fmt.Sprint(med.PeakRSS>>20), number(float64(med.FileRSS>>20), "%.0f"), number(q.BitRate/1e6, "%.2f"), number(q.SSIM, "%.4f"), share(q.Decoded, q.Pictures))
	}
	return t.write(w)
}

// stages writes where the time goes, in milliseconds of CPU per recorded second.
func (r Run) stages(w io.Writer) error {
	var all []string
	for s := range probe.Stage(probe.Stages) {
		if s != probe.Replay {
			all = append(all, s.String())
		}
	}
	all = append(all, stageThreads)
	t := &table{}
	t.row(append([]string{"ms per second", "subject"}, all...)...)
	for _, m := range r.Measurements {
		med := m.Median()
		if len(med.Stages) == 0 {
			continue
		}
		row := []string{m.Scenario.String(), m.Subject}
		for _, s := range all {
			row = append(row, number(med.Stages[s]*1000, "%.1f"))
		}
		t.row(row...)
	}
	return t.write(w)
}

// realTime writes what only those who record in real time can be asked.
func (r Run) realTime(w io.Writer) error {
	t := &table{}
	t.row("scenario", "95 % of frames late by at most", "late by more than a frame", "first picture", "from stop to files")
	for _, m := range r.Measurements {
		if med := m.Median(); m.Subject == Live && m.Err == "" {
			t.row(m.Scenario.String(), milliseconds(med.Lateness), fmt.Sprintf("%d of %d", med.LateTicks, m.Quality.Frames),
				milliseconds(med.Unseen), milliseconds(med.Stopping))
		}
	}
	return t.write(w)
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/1e6) }

// capacities writes how many recordings fit the machine.
func (r Run) capacities(w io.Writer) error {
	t := &table{}
	t.row("scenario", "recordings at a time", "cores of all", "95 % of frames late by at most", "peak RSS of all, MiB", "of it each more")
	for _, c := range r.Capacities {
		try, ok := c.try(c.Recordings)
		if !ok {
			t.row(c.String(), "0", "", "", "", "")
			continue
		}
		each, _ := c.Each()
		t.row(c.String(), fmt.Sprint(c.Recordings), fmt.Sprintf("%.2f", try.Cores), milliseconds(try.Lateness),
			fmt.Sprint(try.PeakRSS>>20), number(float64(each)/(1<<20), "%.0f"))
	}
	return t.write(w)
}

// find returns what a subject did with a scenario.
func (r Run) find(s Scenario, subject string) (Measurement, bool) {
	i := r.index(s, subject)
	if i < 0 {
		return Measurement{}, false
	}
	return r.Measurements[i], true
}

func number(x float64, format string) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf(format, x)
}

func share(n, of uint64) string {
	if of == 0 || n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", n, of)
}

// table is one of Markdown; the first row is its head.
type table struct{ rows [][]string }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	var b strings.Builder
	for i, row := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
