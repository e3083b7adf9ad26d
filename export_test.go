package callreel

import (
	"time"

	"github.com/callreel/callreel/muxer"
	"github.com/callreel/callreel/storage"
)

// Watch puts another disk under the spool, and what wrap makes around the files
// of chunks, which are named within the spool.
func (e *Engine) Watch(disk storage.Disk, wrap func(name string, f muxer.File) muxer.File) {
	e.spool = e.spool.On(disk)
	e.courier.spool = e.spool
	e.files = watched{spoolStore{e.spool}, wrap}
}

type watched struct {
	fileStore
	wrap func(name string, f muxer.File) muxer.File
}

func (w watched) create(recording, name string) (muxer.File, error) {
	f, err := w.fileStore.create(recording, name)
	if err != nil {
		return nil, err
	}
	return w.wrap(recording+"/"+name, f), nil
}

func (w watched) open(recording, name string) (muxer.File, error) {
	f, err := w.fileStore.open(recording, name)
	if err != nil {
		return nil, err
	}
	return w.wrap(recording+"/"+name, f), nil
}

// Disturb lets what is done to the files of chunks fail: before each operation
// fail is asked. A write that fails has written half.
func (e *Engine) Disturb(fail func(op string) error) { e.files = disturbed{e.files, fail} }

type disturbed struct {
	fileStore
	fail func(op string) error
}

func (d disturbed) wrap(f muxer.File, err error) (muxer.File, error) {
	if err != nil {
		return nil, err
	}
	return &disturbedFile{f, d.fail}, nil
}

func (d disturbed) create(recording, name string) (muxer.File, error) {
	if err := d.fail("create"); err != nil {
		return nil, err
	}
	return d.wrap(d.fileStore.create(recording, name))
}

func (d disturbed) open(recording, name string) (muxer.File, error) {
	if err := d.fail("open"); err != nil {
		return nil, err
	}
	return d.wrap(d.fileStore.open(recording, name))
}

func (d disturbed) discard(recording, name string) error {
	if err := d.fail("discard"); err != nil {
		return err
	}
	return d.fileStore.discard(recording, name)
}

type disturbedFile struct {
	muxer.File
	fail func(op string) error
}

func (f *disturbedFile) ReadAt(b []byte, at int64) (int, error) {
	if err := f.fail("read"); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, at)
}

func (f *disturbedFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.fail("write"); err != nil {
		n, _ := f.File.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return f.File.WriteAt(b, at)
}

func (f *disturbedFile) Truncate(size int64) error {
	if err := f.fail("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *disturbedFile) Sync() error {
	if err := f.fail("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *disturbedFile) Close() error {
	if err := f.fail("close"); err != nil {
		_ = f.File.Close()
		return err
	}
	return f.File.Close()
}

// Burden lets each frame of an engine's only recording take a time: cost is told
// whether it has a new picture, and at what level of overload.
func (e *Engine) Burden(cost func(drawn bool, level int) time.Duration) {
	e.measure = func(work func() error) (time.Duration, error) {
		err := work()
		for _, r := range e.Recordings() {
			took := cost(r.session.draw, r.session.ladder.level)
			<-time.After(took)
			return took, err
		}
		return 0, err
	}
}
