package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is a line of `go test -json`; `go doc test2json` describes it.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// summary counts tests and writes what a reader wants to know of them.
//
// Tests are counted as leaves: a test with subtests counts by them, and for
// itself only if it failed although none of them did.
type summary struct {
	w       io.Writer
	running map[string]*pkg
	passed  int
	skipped []string // names with reasons
	failed  []string // names
}

// pkg is what is known of a package that has not ended.
type pkg struct {
	tests  map[string]*test
	output strings.Builder // outside of any test
}

// test is one test function or subtest.
type test struct {
	result string // empty while it runs
	parent bool
	output strings.Builder
}

func newSummary(w io.Writer) *summary {
	return &summary{w: w, running: map[string]*pkg{}}
}

// title announces a pass of go test, with a long list of packages as a number.
func (s *summary) title(args []string) {
	flags := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.Contains(arg, "/") })
	if n := len(args) - len(flags); n > 1 {
		args = append(flags, fmt.Sprintf("(%d packages)", n))
	}
	s.printf("== go test %s\n", strings.Join(args, " "))
}

func (s *summary) add(e event) {
	switch {
	case e.Action == "build-output":
		s.printf("%s", e.Output)
	case e.Package == "":
	case e.Test == "":
		s.addPackage(e)
	default:
		s.pkg(e.Package).add(e)
	}
}

func (s *summary) pkg(name string) *pkg {
	p := s.running[name]
	if p == nil {
		p = &pkg{tests: map[string]*test{}}
		s.running[name] = p
	}
	return p
}

func (s *summary) addPackage(e event) {
	switch e.Action {
	case "output":
		s.pkg(e.Package).output.WriteString(e.Output)
	case "pass", "fail", "skip":
		s.end(e, s.pkg(e.Package))
		delete(s.running, e.Package)
	}
}

func (p *pkg) add(e event) {
	t := p.tests[e.Test]
	if t == nil {
		t = &test{}
		p.tests[e.Test] = t
	}
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i > 0 && p.tests[e.Test[:i]] != nil {
			p.tests[e.Test[:i]].parent = true
		}
	case "output":
		t.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		t.result = e.Action
	}
}

// end counts the tests of a package that ended. A test without a result was
// running when its process died.
func (s *summary) end(e event, p *pkg) {
	passed, skipped, failed := s.passed, len(s.skipped), len(s.failed)
	for _, name := range slices.Sorted(maps.Keys(p.tests)) {
		t, full := p.tests[name], e.Package+" "+name
		switch {
		case t.result == "fail" || t.result == "":
			s.printf("%s", t.output.String())
			if !t.parent || !p.failedBelow(name) {
				s.failed = append(s.failed, full+t.complaint())
			}
		case t.parent:
		case t.result == "skip":
			s.skipped = append(s.skipped, full+": "+t.reason())
		default:
			s.passed++
		}
	}
	if e.Action == "fail" {
		s.printf("%s", p.output.String())
		if len(s.failed) == failed {
			s.failed = append(s.failed, e.Package)
		}
	}
	if len(p.tests) > 0 || e.Action == "fail" {
		s.printf("%-4s %s  %s  %.1fs\n", e.Action, e.Package,
			counts(s.passed-passed, len(s.failed)-failed, len(s.skipped)-skipped), e.Elapsed)
	}
}

func (p *pkg) failedBelow(parent string) bool {
	for name, t := range p.tests {
		if strings.HasPrefix(name, parent+"/") && t.result != "pass" && t.result != "skip" {
			return true
		}
	}
	return false
}

// reason is what a test said when it was skipped, on one line.
func (t *test) reason() string {
	var said []string
	for line := range strings.Lines(t.output.String()) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	return cmp.Or(strings.Join(said, " "), "no reason given")
}

// message is how a line begins that a test has written.
var message = regexp.MustCompile(`^\s+\w+\.go:\d+: `)

// complaint is the first thing that a test said which failed, with a colon before it:
// much may come after that, such as the log of a server.
func (t *test) complaint() string {
	const longest = 300
	for line := range strings.Lines(t.output.String()) {
		if message.MatchString(line) {
			line = strings.TrimSpace(line)
			return ": " + line[:min(len(line), longest)]
		}
	}
	return ""
}

// close writes the lists and the counts, and reports whether tests ran and
// none failed.
func (s *summary) close() bool {
	s.list("skipped", s.skipped)
	s.list("failed", s.failed)
	s.printf("\n%s\n", counts(s.passed, len(s.failed), len(s.skipped)))
	return s.passed > 0 && len(s.failed) == 0
}

func (s *summary) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	s.printf("\n%s:\n", title)
	for _, line := range lines {
		s.printf("  %s\n", line)
	}
}

func counts(passed, failed, skipped int) string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", passed, failed, skipped)
}

func (s *summary) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.w, format, args...) // there is nobody else to tell
}
