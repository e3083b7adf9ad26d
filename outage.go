package callreel

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
	"github.com/callreel/callreel/storage"
)

const (
	// firstTrial and longestTrial are how long after a failure it is tried again
	// to write: twice as long each time.
	firstTrial   = timebase.Second
	longestTrial = 4 * timebase.Second
	// trialBytes must find room before a new chunk begins: more than two seconds
	// take, so that the chunk does not end at once.
	trialBytes = 1 << 20
)

// fileStore is where chunks grow: the spool.
type fileStore interface {
	create(recording, name string) (muxer.File, error)
	open(recording, name string) (muxer.File, error)
	discard(recording, name string) error
}

type spoolStore struct{ spool *storage.Spool }

func (s spoolStore) create(recording, name string) (muxer.File, error) {
	f, err := s.spool.Create(recording, name)
	if err != nil {
		return nil, err // and no *os.File
	}
	return f, nil
}

func (s spoolStore) open(recording, name string) (muxer.File, error) {
	f, err := s.spool.Open(recording, name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s spoolStore) discard(recording, name string) error { return s.spool.Discard(recording, name) }

// chunkFiles are the files of an output.
type chunkFiles interface {
	createChunk(index int) (muxer.File, error)
	openChunk(index int) (muxer.File, error)
	discardChunk(index int) error
}

// chunkFile knows how much of a chunk's file is on the disk.
type chunkFile struct {
	muxer.File
	index           int
	written, synced int64
}

func (f *chunkFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	f.written = max(f.written, at+int64(n))
	return n, err
}

func (f *chunkFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	if err == nil {
		f.written, f.synced = size, min(f.synced, size)
	}
	return err
}

func (f *chunkFile) Sync() error {
	err := f.File.Sync()
	if err == nil {
		f.synced = f.written
	}
	return err
}

// outage is what an output knows of times at which it can't write.
type outage struct {
	cause   error          // why nothing is written; nil: all is
	now     timebase.Ticks // position of the newest frame
	next    timebase.Ticks // when it is tried again
	wait    timebase.Ticks // after that
	opened  []*chunkFile   // by the muxer, and not handed over yet
	mended  []muxer.Chunk  // what became of them, to be handed over
	kept    int            // chunks that are whole
	end     timebase.Ticks // of the newest of them
	synced  timebase.Ticks // up to where there is something in those that are not whole yet
	missing spans          // what is in no chunk
	seek    bool           // the newest chunk waits for its first picture
	sound   []muxer.Sample // the newest two
}

// keep remembers what a chunk would begin with that begins now.
func (g *outage) keep(s muxer.Sample) {
	g.sound = append(g.sound, s)
	g.sound = g.sound[max(0, len(g.sound)-2):]
}

// create makes the muxer's files.
func (o *output) create(index int) (muxer.File, error) {
	f, err := o.files.createChunk(index)
	if err != nil {
		return nil, err
	}
	c := &chunkFile{File: f, index: index}
	o.outage.opened = append(o.outage.opened, c)
	return c, nil
}

// survive makes an error of a file the beginning of an outage. Any other is
// returned.
func (o *output) survive(err error) error {
	if refused := (*muxer.SampleError)(nil); err == nil || errors.As(err, &refused) {
		return err
	}
	o.fail(err)
	return nil
}

// fail ends the open chunk. What can't be finished yet is when it can.
func (o *output) fail(cause error) {
	g := &o.outage
	g.synced = timebase.Ticks(o.mux.Synced())
	_, _ = o.mux.Close(0) // closes the file; what else it does, mend does again
	o.mux, g.cause, g.seek = nil, cause, false
	g.wait = firstTrial
	g.next = g.now + g.wait
	if err := o.mend(); err != nil {
		g.cause = errors.Join(cause, err)
	}
}

// mend finishes the files that a failed muxer has left, each at its last whole
// fragment, and removes those without one.
func (o *output) mend() error {
	g := &o.outage
	for len(g.opened) > 0 {
		f := g.opened[0]
		info, err := o.finishFile(f)
		switch {
		case errors.Is(err, muxer.ErrNoMedia), errors.Is(err, fs.ErrNotExist):
			err = o.files.discardChunk(f.index)
		case err == nil, errors.Is(err, muxer.ErrNoIndex):
			o.hold(f.index, info)
			err = nil
		}
		if err != nil {
			return fmt.Errorf("finish chunk %d: %w", f.index, err)
		}
		g.opened = g.opened[1:]
	}
	o.chunks = o.chunks[:g.kept]
	return o.files.discardChunk(g.kept) // one that could not be created, maybe in part
}

// finishFile finishes what is on the disk of a file.
func (o *output) finishFile(c *chunkFile) (info muxer.Info, err error) {
	if c.File, err = o.files.openChunk(c.index); err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return muxer.Finish(c, c.synced)
}

// hold keeps a chunk that was finished for done.
func (o *output) hold(index int, info muxer.Info) {
	g, c := &o.outage, &o.chunks[index]
	c.video, c.audio = info.VideoBytes, info.AudioBytes
	g.end = c.start + timebase.Ticks(info.Duration)
	if index+1 == len(o.chunks) || g.end < o.chunks[index+1].start {
		c.reason = chunkInterrupted
	}
	g.kept++
	g.mended = append(g.mended, muxer.Chunk{
		Index: index, Start: int64(c.start), End: int64(g.end), Bytes: info.Bytes, Fragments: info.Fragments,
	})
}

// retry begins a new chunk at pos if writing works again. What came since the
// last one ended is missing.
func (o *output) retry(pos timebase.Ticks) (began bool, err error) {
	g := &o.outage
	if pos < g.next {
		return false, nil
	}
	g.wait = min(2*g.wait, longestTrial)
	g.next = pos + g.wait
	if err := o.try(); err != nil {
		g.cause = err
		return false, nil
	}
	cfg := o.tracks
	cfg.Start, cfg.Index = int64(pos), g.kept
	if o.mux, err = muxer.New(cfg, o.create); err != nil {
		return false, err
	}
	g.seek = true
	o.chunks = append(o.chunks, chunkBytes{start: pos})
	for _, s := range g.sound { // the frame at pos, if it is there, and the one before it
		if timebase.FromRate(s.PTS+2*s.Duration, mixRate) <= pos {
			continue
		}
		if err := o.putAudio(s); err != nil {
			return false, err
		}
	}
	if o.mux == nil {
		return false, nil
	}
	g.missing.add(g.end, pos)
	g.cause = nil
	return true, nil
}

// try finds out whether a chunk can be written.
func (o *output) try() error {
	if err := o.mend(); err != nil {
		return err
	}
	f, err := o.files.createChunk(o.outage.kept)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, trialBytes), 0)
	return errors.Join(err, f.Sync(), f.Close(), o.files.discardChunk(o.outage.kept))
}

// writes reports whether a picture goes into a chunk. After an outage the first
// is the key frame at the chunk's start.
func (o *output) writes(s muxer.Sample) bool {
	g := &o.outage
	if g.seek && timebase.Ticks(s.PTS) == o.chunks[len(o.chunks)-1].start {
		g.seek = false
	}
	return o.mux != nil && !g.seek
}

// done returns the chunks that are finished since the last call.
func (o *output) done() []muxer.Chunk {
	g := &o.outage
	chunks := g.mended
	g.mended = nil
	if o.mux == nil {
		return chunks
	}
	for _, c := range o.mux.Done() {
		chunks = append(chunks, c)
		g.opened = g.opened[1:]
		g.kept, g.end = g.kept+1, timebase.Ticks(c.End)
	}
	return chunks
}

// end closes the open chunk, which ends at pos. An error of its file is one of
// the recording only if there is nothing to show.
func (o *output) end(pos timebase.Ticks) ([]muxer.Chunk, error) {
	g := &o.outage
	if o.mux != nil {
		before := o.done()
		chunks, err := o.mux.Close(int64(pos))
		if err == nil || isMedia(err) {
			return append(before, chunks...), err
		}
		g.mended = append(g.mended, before...)
		g.synced = timebase.Ticks(o.mux.Synced())
		o.mux, g.cause = nil, err
	}
	err := o.mend()
	if err != nil { // Engine.Recover finishes what is there
		g.end = max(g.end, g.synced)
	}
	g.missing.add(g.end, pos)
	if g.kept == 0 && pos > 0 {
		err = errors.Join(g.cause, err)
	}
	return o.done(), err
}

// isMedia reports whether it is the media that Close complains of.
func isMedia(err error) bool {
	return errors.Is(err, muxer.ErrShort) || errors.Is(err, muxer.ErrPastEnd)
}
