package servertest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/callreel/callreel/internal/servertest"
)

// TestInstall makes the servers ready for the tests of other packages, which may
// take minutes once, and starts each.
func TestInstall(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.Server{
		"S3": servertest.S3, "Azure": servertest.Azure, "Google": servertest.Google,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if a, b := s.Bucket(), s.Bucket(); a == b || !strings.Contains(a, "bucket-1") {
				t.Errorf("buckets %s, %s", a, b)
			}
			s.Kill()
			if res, err := http.Get(s.URL()); err == nil {
				_ = res.Body.Close()
				t.Errorf("killed, it answers %s", res.Status)
			}
			s.Start()
			s.Bucket()
		})
	}
}
