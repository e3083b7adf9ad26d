package control_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/storage"
)

// deaf is a store that does not answer who asks, at times.
type deaf struct {
	storage.Store
	now *atomic.Bool
}

func (d deaf) Open(ctx context.Context, key string) (*storage.Object, error) {
	if d.now.Load() {
		return nil, errors.New("no answer")
	}
	return d.Store.Open(ctx, key)
}

// A server that ended before it could note how a recording ended finds out after
// the restart, from the store, even if that does not answer at once; and until
// then does not say that it is active.
func TestEndIsFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, node, dir := &hooks{}, cluster.InMemory(), t.TempDir()
		r := makeRig(t, dir, node, func(c *control.Config) { c.Webhooks.Transport = h })
		r.do("PUT", "/subscriptions/all", `{"endpoint":"https://hook.test/"}`)
		id := r.start("room")
		time.Sleep(2 * time.Second)
		r.check(r.server.Close(t.Context())) // what comes now is not noted
		r.check(r.engine.Close(t.Context()))

		var silent atomic.Bool
		silent.Store(true)
		r = makeRig(t, dir, node, func(c *control.Config) {
			c.Webhooks.Transport, c.Store = h, deaf{c.Store, &silent}
		})
		defer r.close()
		if a := r.do("GET", "/recordings/"+id, ""); !strings.Contains(a.Body.String(), `"state":"stopping"`) {
			t.Errorf("%s", a.Body)
		}
		silent.Store(false)
		time.Sleep(2 * time.Minute)
		if a := r.do("GET", "/recordings/"+id, ""); !strings.Contains(a.Body.String(), `"state":"completed"`) || !strings.Contains(a.Body.String(), `"endReason":"Shutdown"`) {
			t.Errorf("%s", a.Body)
		}
		if files := h.told(t, "hook.test", fileUpdated); len(files) != 1 || files[0].Data.RecordingID != id {
			t.Errorf("%+v", files)
		}
	})
}

// Whoever started a recording is told that it began also if the server was killed
// before it could tell it, and the recording has ended since.
func TestBeginIsToldAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, node, dir := &hooks{}, cluster.InMemory(), t.TempDir()
		r := makeRig(t, dir, node, func(c *control.Config) { c.Webhooks.Transport = h })
		id := r.startWith("room", `{"recordingStateCallbackUri":"https://app.test/"}`)
		time.Sleep(2 * time.Second)
		r.check(r.server.Close(t.Context()))
		r.check(r.engine.Close(t.Context()))
		table, err := node.Table(t.Context(), "recordings")
		r.check(err)
		rec, err := table.Get(t.Context(), id)
		r.check(err)
		untold := strings.Replace(string(rec.Value), `"told":"active","tellings":1`, `"tellings":0`, 1)
		if untold == string(rec.Value) {
			t.Fatalf("%s", rec.Value)
		}
		_, err = table.Put(t.Context(), id, []byte(untold))
		r.check(err)
		h.forget()

		r = makeRig(t, dir, node, func(c *control.Config) { c.Webhooks.Transport = h })
		defer r.close()
		time.Sleep(time.Minute)
		if states := h.states(t, "app.test"); strings.Join(states, " ") != "active inactive" {
			t.Errorf("told: %q", states)
		}
	})
}
