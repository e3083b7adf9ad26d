package control_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
)

// admits checks how many of ten starts a server takes, and how it refuses the
// others: in the form of the service, with a time to come again.
func admits(t *testing.T, r *rig, want int) {
	t.Helper()
	refused := 0
	for i := range 10 {
		a := r.do("POST", fmt.Sprintf("/conversations/room-%d/Recordings", i), `{}`)
		if a.Code == http.StatusOK {
			if i >= want {
				t.Errorf("start %d is taken, want %d", i+1, want)
			}
			continue
		}
		refused++
		after, err := strconv.Atoi(a.Header().Get("Retry-After"))
		if a.Code != http.StatusServiceUnavailable || a.code() != "9999" || a.Header().Get("X-Ms-Error-Code") != "9999" || err != nil || after < 1 || after > 150 {
			t.Errorf("start %d: %d %v %s", i+1, a.Code, a.Header(), a.Body)
		}
	}
	var now struct {
		Running, Available int
		Basis              string
	}
	r.do("GET", "/capacity", "").json(&now)
	if now.Running != want || now.Available != 0 || refused != 10-want {
		t.Errorf("%d refused, capacity %+v; want %d of 10 running", refused, now, want)
	}
	if a := r.do("GET", "/readyz", ""); a.Code != http.StatusOK || a.Body.String() != `{"status":"full"}` {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if got := metric(t, r.do("GET", "/metrics", "").Body.String(), "callreel_recordings_refused_total"); got != strconv.Itoa(refused) {
		t.Errorf("%s are counted as refused, want %d", got, refused)
	}
}

// unbounded makes a server whose engine takes any number.
func unbounded(t *testing.T, dir string, admission int) *rig {
	return newRig(t, func(c *control.Config) {
		var err error
		c.Engine, err = callreel.New(callreel.Config{Storage: c.Store, Spool: filepath.Join(dir, "spool")})
		if err != nil {
			t.Fatal(err)
		}
		c.Admission = admission
	})
}

// Recordings of which nothing is known yet take a quarter of a core, of four
// fifths of all.
func TestAdmissionByCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := unbounded(t, t.TempDir(), 0)
		r.server.SetCores(1.3)
		admits(t, r, 4)
		r.close()
	})
}

// As they end there is room again, at once.
func TestAdmissionOfANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := unbounded(t, t.TempDir(), 2)
		r.server.SetCores(0.1)
		admits(t, r, 2)
		for _, rec := range r.engine.Recordings() {
			if _, err := rec.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
		r.start("once-more")
		time.Sleep(time.Second)
		r.close()
	})
}
