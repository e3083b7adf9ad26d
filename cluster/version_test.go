package cluster_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/callreel/callreel/cluster"
)

// State of a later version is refused and left alone; of a directory that does
// not say, nothing is assumed but the first.
func TestVersions(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "version")
	for text, want := range map[string]bool{"": true, "1\n": true, "2\n": false, "x": false} {
		check(t, os.WriteFile(name, []byte(text), 0o600))
		n, err := cluster.Open(cluster.Config{Dir: dir})
		if (err == nil) != want || text == "2\n" && !errors.Is(err, cluster.ErrNewer) {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil {
			check(t, n.Close())
		} else if b, err := os.ReadFile(name); err != nil || string(b) != text {
			t.Errorf("%q became %q, %v", text, b, err)
		}
	}
}
