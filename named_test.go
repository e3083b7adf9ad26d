package callreel_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// When a chunk is offered to the store, and so may leave the spool at any moment,
// the manifest names it: or a crash would make the recording forget it.
func TestManifestNamesWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var offered atomic.Int64
		d := newDepot(t, dir, func(key string) error {
			if !strings.HasSuffix(key, ".mp4") {
				return nil
			}
			offered.Add(1)
			id, _, _ := strings.Cut(key, "/")
			if doc, err := os.ReadFile(filepath.Join(dir, "spool", id, "manifest.json")); err != nil || !strings.Contains(string(doc), key) {
				t.Errorf("%s is offered: %v, %s", key, err, doc)
			}
			return nil
		})
		rec := d.start(tinyConfig())
		time.Sleep(24 * time.Second)
		d.stop(rec)
		d.close()
		if n := offered.Load(); n != 3 {
			t.Errorf("%d chunks were offered", n)
		}
	})
}
