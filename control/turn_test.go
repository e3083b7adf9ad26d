package control_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// While a start hangs, such as on a disk, others are refused after a while, and
// what runs can be asked for things.
func TestStartsBehindOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := unbounded(t, t.TempDir(), 0)
		id := r.start("room")
		time.Sleep(time.Second)
		release := r.server.HoldStarts()
		began := time.Now()
		for range 2 {
			if a := r.do("POST", "/conversations/other/Recordings", `{}`); a.Code != http.StatusServiceUnavailable {
				t.Errorf("%d: %s", a.Code, a.Body)
			}
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("two starts took %v", took)
		}
		began = time.Now()
		if a := r.do("GET", "/recordings/"+id, ""); a.Code != http.StatusOK {
			t.Errorf("%d: %s", a.Code, a.Body)
		}
		if took := time.Since(began); took > 2*time.Second { // see feed.wait
			t.Errorf("details took %v", took)
		}
		release()
		r.start("other")
		time.Sleep(time.Second)
		r.close()
	})
}
