package control_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/storage"
)

// away is a store that takes nothing until it is back.
type away struct {
	storage.Store
	back chan struct{}
}

func (a away) Put(ctx context.Context, key string, src io.ReadSeeker, contentType string) (storage.Info, error) {
	<-a.back
	return a.Store.Put(ctx, key, src, contentType)
}

// A store that is away holds up neither who stops nor who asks meanwhile.
func TestStopWhileStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		var r *rig
		r = newRig(t, func(c *control.Config) {
			var err error
			c.Store = away{c.Store, back}
			c.Engine, err = callreel.New(callreel.Config{
				Storage: c.Store, Spool: t.TempDir(), OnEvent: func(e callreel.Event) { r.server.Observe(e) },
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		path := "/conversations/room/recordings/" + r.start("room")
		time.Sleep(time.Second)
		begin := time.Now()
		if a := r.do("DELETE", path, ""); a.Code != 200 {
			t.Errorf("stop: %d %s", a.Code, a.Body)
		}
		if took := time.Since(begin); took < time.Second || took > 15*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if a := r.do("GET", path, ""); a.Code != 400 || a.code() != "8522" {
			t.Errorf("state: %d %s", a.Code, a.Body)
		}
		if a := r.do("POST", path+"/Pause", ""); a.Code != 400 || a.code() != "8522" {
			t.Errorf("pause: %d %s", a.Code, a.Body)
		}
		if a := r.do("DELETE", path, ""); a.Code != 200 {
			t.Errorf("stop again: %d %s", a.Code, a.Body)
		}
		if a := r.do("GET", "/recordings", ""); !strings.Contains(a.Body.String(), `"state":"stopping"`) {
			t.Errorf("%s", a.Body)
		}
		close(back)
		synctest.Wait()
		time.Sleep(time.Second)
		if a := r.do("GET", "/recordings", ""); !strings.Contains(a.Body.String(), `"state":"completed"`) {
			t.Errorf("%s", a.Body)
		}
	})
}
