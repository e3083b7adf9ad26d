package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage/bucket"
)

// recoverCmd finishes what a server has left that is not coming back.
type recoverCmd struct {
	Dir     string        `arg:"" help:"Spool, data directory with a spool, directory of one recording in a spool, or an MP4 file that was cut off." placeholder:"DIR"`
	Storage string        `help:"Where finished files go: a directory, or an s3://, azblob:// or gs:// URL; \"recovered\" beside the spool or the file if not given." placeholder:"LOCATION"`
	DryRun  bool          `help:"Say what there is, and change nothing."`
	Timeout time.Duration `help:"How long to try if the storage fails." default:"1m"`
	Log     logFlags      `embed:""`
}

// Help is shown by callreel recover --help.
func (recoverCmd) Help() string {
	return `A server does this by itself when it starts again. What a running process has, and what a later version of callreel has written, is left as it is. Files that nothing tells what they are are copied and the copies finished.`
}

// Run recovers. The exit status tells who must act on what could not be.
func (c *recoverCmd) Run(ctx context.Context, con console) (err error) {
	w, err := c.survey()
	if err != nil {
		return err
	}
	where := c.Storage
	if where == "" {
		where = filepath.Join(w.beside, "recovered")
	}
	if c.DryRun {
		if w.file != "" {
			return describeFile(con.out, w.file)
		}
		return c.with(ctx, con, w, nil, func(r *recovery) error { return r.describe() })
	}
	store, err := bucket.Open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if w.file != "" {
		return mendFile(ctx, con.out, store, w.file, filepath.Base(w.file))
	}
	return c.with(ctx, con, w, store, func(r *recovery) error { return r.run() })
}

// dyingTime is how long the processes of a server may take to end after it has.
const dyingTime = 2 * time.Second

// place is what was named.
type place struct {
	spool  string
	only   string // the recording
	file   string // or the file
	beside string // where results are made if nothing else is said
}

// survey finds out what the argument is.
func (c *recoverCmd) survey() (p place, err error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return p, err
	}
	st, err := os.Stat(dir)
	switch {
	case err != nil:
		return p, fault.Caller.Wrap(err)
	case !st.IsDir():
		return place{file: dir, beside: filepath.Dir(dir)}, nil
	case isDir(filepath.Join(dir, "spool")):
		return place{spool: filepath.Join(dir, "spool"), beside: dir}, nil
	case holdsRecording(dir):
		spool := filepath.Dir(dir)
		return place{spool: spool, only: filepath.Base(dir), beside: filepath.Dir(spool)}, nil
	default:
		return place{spool: dir, beside: filepath.Dir(dir)}, nil
	}
}

func isDir(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// holdsRecording reports whether a directory is that of a recording.
func holdsRecording(dir string) bool {
	for _, pattern := range []string{"manifest.json", "recording.json", "[0-9]*.mp4"} {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// recovery is a run of the command.
type recovery struct {
	cmd    *recoverCmd
	ctx    context.Context
	out    io.Writer
	place  place
	eng    *callreel.Engine
	store  *bucket.Store
	events chan callreel.Event // Delivered and ChunkFailed
}

// with calls do with an engine on the spool.
func (c *recoverCmd) with(ctx context.Context, con console, p place, store *bucket.Store, do func(*recovery) error) (err error) {
	r := &recovery{cmd: c, ctx: ctx, out: con.out, place: p, store: store, events: make(chan callreel.Event, 100)}
	cfg := callreel.Config{Spool: p.spool, Storage: store, Logger: c.Log.logger(con.err), OnEvent: r.hear}
	if store == nil {
		cfg.Storage = noStore{}
	}
	if r.eng, err = callreel.New(cfg); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.eng.Close(context.WithoutCancel(ctx))) }()
	r.await()
	return do(r)
}

// await waits for processes of a server that was just killed. What is in use after
// that is told where it is met.
func (r *recovery) await() {
	ctx, cancel := context.WithTimeout(r.ctx, dyingTime)
	defer cancel()
	_ = r.eng.AwaitSpool(ctx)
}

// hear is told what happens to recordings.
func (r *recovery) hear(e callreel.Event) {
	if e.Type != callreel.Delivered && e.Type != callreel.ChunkFailed {
		return
	}
	select {
	case r.events <- e:
	case <-r.ctx.Done():
	}
}

// found returns what there is, or an error if that is nothing.
func (r *recovery) found() ([]callreel.Remains, error) {
	all, err := r.eng.Survey(r.ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(f callreel.Remains) bool { return r.place.only != "" && f.Recording != r.place.only })
	if len(all) == 0 && r.place.only != "" {
		return nil, fault.Caller.Wrap(fmt.Errorf("%s is not the directory of a recording", r.cmd.Dir))
	}
	if len(all) == 0 {
		_, err = fmt.Fprintf(r.out, "nothing of a recording is in %s\n", r.place.spool)
	}
	return all, err
}

// describe says what there is.
func (r *recovery) describe() error {
	all, err := r.found()
	errs := []error{err}
	for _, f := range all {
		r.tell(f)
		if f.Condition == callreel.ConditionUnreadable || f.Condition == callreel.ConditionInUse {
			errs = append(errs, refused(f))
		}
	}
	return errors.Join(errs...)
}

func refused(f callreel.Remains) error {
	return fmt.Errorf("recording %s is left as it is: %w", f.Recording, fault.Caller.Wrap(f.Err))
}

// tell prints what there is of a recording.
func (r *recovery) tell(f callreel.Remains) {
	text := map[callreel.Condition]string{
		callreel.ConditionInterrupted: "was interrupted",
		callreel.ConditionEnded:       "has ended, and is not all stored",
		callreel.ConditionNoManifest:  "has no manifest",
		callreel.ConditionEmpty:       "has nothing in it",
		callreel.ConditionInUse:       "is in use by a running process",
		callreel.ConditionUnreadable:  "can't be read",
	}[f.Condition]
	_, _ = fmt.Fprintf(r.out, "%s %s", f.Recording, text)
	if f.Conversation != "" {
		_, _ = fmt.Fprintf(r.out, ": conversation %.60q, started %s, %.3f s in files", f.Conversation, local(f.StartTime), f.Duration.Seconds())
	}
	if f.Lost > 0 {
		_, _ = fmt.Fprintf(r.out, ", up to %.3f s at the end are lost", f.Lost.Seconds())
	}
	if f.Err != nil {
		_, _ = fmt.Fprintf(r.out, ": %v", f.Err)
	}
	_, _ = fmt.Fprintln(r.out)
	for _, m := range f.Files {
		_, _ = fmt.Fprintf(r.out, "  %s  %d bytes, %.3f s", m.Name, m.Bytes, m.Duration.Seconds())
		if m.Cut {
			_, _ = fmt.Fprintf(r.out, ", not finished, %d bytes to trim", m.Trimmed)
		}
		if m.Err != nil {
			_, _ = fmt.Fprintf(r.out, ": %v", m.Err)
		}
		_, _ = fmt.Fprintln(r.out)
	}
}

// run recovers what there is.
func (r *recovery) run() error {
	all, err := r.found()
	errs := []error{err}
	waiting := map[string]bool{}
	for _, f := range all {
		r.tell(f)
		switch f.Condition {
		case callreel.ConditionUnreadable, callreel.ConditionInUse:
			errs = append(errs, refused(f))
		case callreel.ConditionNoManifest:
			errs = append(errs, r.mend(f))
		default:
			res, err := r.eng.RecoverOne(f.Recording)
			errs = append(errs, err)
			waiting[f.Recording] = res != nil
		}
	}
	return errors.Join(append(errs, r.deliver(waiting))...)
}

// deliver waits until everything is in the storage, and says so.
func (r *recovery) deliver(waiting map[string]bool) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.cmd.Timeout)
	defer cancel()
	var failed error
	for id := range waiting {
		if !waiting[id] {
			delete(waiting, id)
		}
	}
	for len(waiting) > 0 {
		select {
		case e := <-r.events:
			if e.Type == callreel.ChunkFailed {
				failed = e.Err
				continue
			}
			delete(waiting, e.Recording)
			r.stored(e)
		case <-ctx.Done():
			return fault.Destination.Wrap(fmt.Errorf("%d recordings are finished, but not stored, and are in the spool: %w", len(waiting), errors.Join(failed, ctx.Err())))
		}
	}
	return nil
}

// stored says where a recording is.
func (r *recovery) stored(e callreel.Event) {
	res := e.Result
	var keys []string
	for _, chunk := range res.Chunks {
		keys = append(keys, chunk.MediaKey)
	}
	_, _ = fmt.Fprintf(r.out, "%s is stored: %.3f s, %s %s\n", res.ID, res.Duration.Seconds(), res.EndReason, strings.Join(keys, " "))
	if e.Err != nil {
		_, _ = fmt.Fprintf(r.out, "%s lacks something: %v\n", res.ID, e.Err)
	}
}
