package main

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	const start = `{"Action":"start","Package":"p"}` + "\n"
	tests := map[string]struct {
		events string
		good   bool
		want   []string // in the output, in this order
	}{
		"pass": {
			events: `{"Action":"run","Package":"p","Test":"A"}{"Action":"output","Package":"p","Test":"A","Output":"chatter\n"}
				{"Action":"pass","Package":"p","Test":"A"}{"Action":"pass","Package":"p","Elapsed":1.5}`,
			good: true,
			want: []string{"pass p  1 passed, 0 failed, 0 skipped  1.5s", "\n1 passed, 0 failed, 0 skipped\n"},
		},
		"subtests count instead of their parent": {
			events: `{"Action":"run","Package":"p","Test":"A"}{"Action":"run","Package":"p","Test":"A/x"}{"Action":"run","Package":"p","Test":"A/y"}
				{"Action":"output","Package":"p","Test":"A/y","Output":"    a_test.go:1: boom\n"}
				{"Action":"pass","Package":"p","Test":"A/x"}{"Action":"fail","Package":"p","Test":"A/y"}
				{"Action":"fail","Package":"p","Test":"A"}{"Action":"fail","Package":"p"}`,
			want: []string{"a_test.go:1: boom", "failed:\n  p A/y: a_test.go:1: boom\n", "\n1 passed, 1 failed, 0 skipped\n"},
		},
		"a parent that fails by itself": {
			events: `{"Action":"run","Package":"p","Test":"A"}{"Action":"run","Package":"p","Test":"A/x"}{"Action":"pass","Package":"p","Test":"A/x"}
				{"Action":"fail","Package":"p","Test":"A"}{"Action":"fail","Package":"p"}`,
			want: []string{"failed:\n  p A\n", "\n1 passed, 1 failed, 0 skipped\n"},
		},
		"skip": {
			events: `{"Action":"run","Package":"p","Test":"A"}{"Action":"pass","Package":"p","Test":"A"}
				{"Action":"run","Package":"p","Test":"B"}{"Action":"output","Package":"p","Test":"B","Output":"=== RUN   B\n"}
				{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:7: no browser\n"}{"Action":"output","Package":"p","Test":"B","Output":"--- SKIP: B (0.00s)\n"}
				{"Action":"skip","Package":"p","Test":"B"}{"Action":"pass","Package":"p"}`,
			good: true,
			want: []string{"skipped:\n  p B: b_test.go:7: no browser\n", "\n1 passed, 0 failed, 1 skipped\n"},
		},
		"does not build": {
			events: `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: undefined\n"}{"ImportPath":"p","Action":"build-fail"}
				{"Action":"fail","Package":"p","FailedBuild":"p"}`,
			want: []string{"p.go:1: undefined", "failed:\n  p\n", "\n0 passed, 1 failed, 0 skipped\n"},
		},
		"dies in a test": {
			events: `{"Action":"run","Package":"p","Test":"A"}{"Action":"output","Package":"p","Test":"A","Output":"signal: killed\n"}{"Action":"fail","Package":"p"}`,
			want:   []string{"signal: killed", "failed:\n  p A\n", "\n0 passed, 1 failed, 0 skipped\n"},
		},
		"no tests": {
			events: `{"Action":"output","Package":"p","Output":"?   p [no test files]\n"}{"Action":"skip","Package":"p"}`,
			want:   []string{"\n0 passed, 0 failed, 0 skipped\n"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			s := newSummary(&out)
			if err := read(strings.NewReader(start+tt.events), s); err != nil {
				t.Fatal(err)
			}
			if good := s.close(); good != tt.good {
				t.Errorf("good is %v", good)
			}
			rest := out.String()
			for _, want := range tt.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("no %q in order in\n%s", want, out.String())
				}
				rest = after
			}
		})
	}
}

func TestReadTellsGarbage(t *testing.T) {
	if err := read(strings.NewReader(`{"Action":"pass"} go: oops`), newSummary(&strings.Builder{})); err == nil {
		t.Error("garbage is not told")
	}
}
