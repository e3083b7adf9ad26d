package control_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/control"
)

// onStart is a host that calls a function when a recording has begun and the server
// does not know it yet.
type onStart struct {
	control.Host
	begun func(id string)
}

func (h onStart) Start(ctx context.Context, cfg callreel.RecordingConfig) (control.Recording, error) {
	rec, err := h.Host.Start(ctx, cfg)
	if err == nil {
		h.begun(cfg.ID)
	}
	return rec, err
}

// A server that is killed when a recording has begun, and before it has a record of it,
// knows after the restart whose it is: the request is answered when it is repeated, and
// whoever started it is called back.
func TestStartOutlivesACrash(t *testing.T) {
	const body = `{"recordingStateCallbackUri":"https://app.test/","operationContext":"mine"}`
	for _, goesOn := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h, node, dir := &hooks{}, cluster.InMemory(), t.TempDir()
			table, err := node.Table(t.Context(), "recordings")
			if err != nil {
				t.Fatal(err)
			}
			var noted []byte // when it had begun
			r := makeRig(t, dir, node, func(c *control.Config) {
				c.Webhooks.Transport = h
				c.Host = onStart{control.NewLocal(c.Engine), func(id string) {
					rec, err := table.Get(t.Context(), id)
					if err != nil {
						t.Error(err)
					}
					noted = slices.Clone(rec.Value)
				}}
			})
			id := r.startWith("room", body, "Repeatability-Request-Id", "r1")
			time.Sleep(2 * time.Second)
			r.check(r.server.Close(t.Context()))
			r.check(r.engine.Suspend(t.Context()))
			_, err = table.Put(t.Context(), id, noted)
			r.check(err)
			h.forget()

			r = makeRig(t, dir, node, func(c *control.Config) {
				c.Webhooks.Transport = h
				if !goesOn {
					c.ContinueWithin = -1
				}
			})
			defer r.close()
			if again := r.startWith("room", body, "Repeatability-Request-Id", "r1"); again != id {
				t.Errorf("the request was answered with %s, and with %s when it was repeated", id, again)
			}
			if a := r.do("GET", "/recordings/"+id, ""); !strings.Contains(a.Body.String(), `"operationContext":"mine"`) {
				t.Errorf("%s", a.Body)
			}
			if goesOn {
				r.do("DELETE", "/conversations/room/recordings/"+id, "")
			}
			time.Sleep(time.Minute)
			if states := h.states(t, "app.test"); strings.Join(states, " ") != "active inactive" {
				t.Errorf("goes on %v: told: %q", goesOn, states)
			}
		})
	}
}

// What was to begin and has not is forgotten, at once if the start failed.
func TestIntentsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := cluster.InMemory()
		table, err := node.Table(t.Context(), "recordings")
		if err != nil {
			t.Fatal(err)
		}
		count := func() (n int) {
			for _, err := range table.All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			return n
		}
		r := makeRig(t, t.TempDir(), node, nil)
		r.check(r.engine.Close(t.Context()))
		if a := r.do("POST", "/conversations/room/recordings", `{}`); a.Code < 500 || count() != 0 {
			t.Errorf("%d, and %d records of recordings that did not begin", a.Code, count())
		}
		r.check(r.server.Close(t.Context()))
		for _, wait := range []time.Duration{0, 25 * time.Hour} {
			if _, err := table.Put(t.Context(), "x", []byte(`{"recordingId":"x","intended":true,"version":1,"node":"`+node.ID()+`","startTime":"`+time.Now().Format(time.RFC3339)+`"}`)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(wait)
			r = makeRig(t, t.TempDir(), node, nil)
			if a := r.do("GET", "/recordings", ""); strings.Contains(a.Body.String(), `"x"`) {
				t.Errorf("%s", a.Body)
			}
			if n := count(); n != 1 && wait == 0 || n != 0 && wait > 0 {
				t.Errorf("%d intents after %v", n, wait)
			}
			r.check(r.engine.Close(t.Context()))
			r.check(r.server.Close(t.Context()))
		}
		r.close()
	})
}
