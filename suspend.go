package callreel

import (
	"context"
	"errors"
)

// Suspend is for a process that is about to end and whose recordings are to go on
// in another one: it brings to their files what is composed so far, within a
// moment, and leaves them as a crash would, for [Engine.Continue]. Those that were
// about to end are left to Recover. The engine is closed after that.
func (e *Engine) Suspend(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	var errs []error
	for _, r := range e.Recordings() {
		err := r.do(ctx, "suspend", r.suspend)
		if _, over := errors.AsType[*StateError](err); !over {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, e.courier.close(ctx))...)
}

// suspend finishes the files. The manifest still says that the recording runs, and
// what of it the manifest does not know is found like what a crash has left.
func (r *Recording) suspend() error {
	r.suspended = true
	r.conv.pass(gate{from: r.opened, until: r.eng.clock.now(), tap: r.tap})
	r.save() // what was received
	_, err := r.out.finish(r.session.frame)
	return err
}

// vanish ends a recording that is suspended.
func (r *Recording) vanish() {
	r.session.close()
	r.out.close()
	r.conv.detach(r)
	r.endCapture()
	r.capturing.Wait()
	r.eng.unregister(r.id)
	if !r.parcel.begun() {
		if err := r.parcel.drop(); err != nil {
			r.session.log.Error("the spool can't be unlocked", "error", err)
		}
	}
	r.mu.Lock()
	r.result.Err = ErrClosed
	r.mu.Unlock()
	close(r.done)
}
