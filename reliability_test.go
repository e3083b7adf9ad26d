package callreel_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What docs/reliability.md says to be tested is, by a test in each row.
func TestReliabilityIsTested(t *testing.T) {
	text, err := os.ReadFile("docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for s := range sources(t) {
		for _, f := range s.funcs() {
			known[f.Name.Name] = known[f.Name.Name] || s.test && f.Recv == nil
		}
	}
	name := regexp.MustCompile("`((?:Test|Fuzz)[A-Z0-9][A-Za-z0-9]*)`")
	rows := 0
	for row := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(row), " | ")
		if !strings.HasPrefix(row, "| ") || len(cells) != 3 || cells[2] == "test |" {
			continue
		}
		rows++
		found := name.FindAllStringSubmatch(cells[2], -1)
		if len(found) == 0 {
			t.Errorf("no test in %s", row)
		}
		for _, f := range found {
			if !known[f[1]] {
				t.Errorf("there is no test %s", f[1])
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d rows", rows)
	}
}
