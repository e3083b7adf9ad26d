package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/muxer"
	"github.com/callreel/callreel/storage"
)

// noStore is the storage of who stores nothing.
type noStore struct{ storage.Store }

// mend finishes the files of a recording that nothing describes. They stay.
func (r *recovery) mend(f callreel.Remains) error {
	var errs []error
	for _, m := range f.Files {
		key := f.Recording + "/" + m.Name
		errs = append(errs, mendFile(r.ctx, r.out, r.store, filepath.Join(r.place.spool, f.Recording, m.Name), key))
	}
	_, err := fmt.Fprintf(r.out, "%s stays in the spool: there is nothing that says what it is\n", f.Recording)
	return errors.Join(append(errs, err)...)
}

// mendFile stores a finished copy of a file that was cut off.
func mendFile(ctx context.Context, out io.Writer, store storage.Store, name, key string) (err error) {
	f, err := copyOf(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	info, err := finishCut(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := store.Put(ctx, key, f, "video/mp4"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is stored as %s: %.3f s, %d bytes trimmed\n", name, key, seconds(info), info.Trimmed)
	return err
}

// describeFile says what mendFile would do.
func describeFile(out io.Writer, name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return fault.Caller.Wrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	info, err := muxer.Examine(f, st.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", name, ofCaller(err))
	}
	_, err = fmt.Fprintf(out, "%s: %.3f s in %d fragments, %d bytes to trim\n", name, seconds(info), info.Fragments, info.Trimmed)
	return err
}

func seconds(info muxer.Info) float64 { return float64(info.Duration) / muxer.TickRate }

// copyOf copies a file to a temporary one.
func copyOf(name string) (*os.File, error) {
	from, err := os.Open(name)
	if err != nil {
		return nil, fault.Caller.Wrap(err)
	}
	f, err := os.CreateTemp("", "callreel-*.mp4")
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	_, err = io.Copy(f, from)
	if err := errors.Join(err, from.Close()); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// finishCut finishes a file, which has to be one of callreel.
func finishCut(f *os.File) (muxer.Info, error) {
	st, err := f.Stat()
	if err != nil {
		return muxer.Info{}, err
	}
	info, err := muxer.Finish(f, st.Size())
	return info, ofCaller(err)
}

// ofCaller marks what is wrong with the file that was named.
func ofCaller(err error) error {
	if errors.Is(err, muxer.ErrNotChunk) || errors.Is(err, muxer.ErrNoMedia) {
		return fault.Caller.Wrap(err)
	}
	return err
}
