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
	each            bool // fragment is synced
	lost            bool // what was written since may be
}

// size returns how much of the file can be relied on. What could not be synced
// can't, where all was to be.
func (f *chunkFile) size() int64 {
	if f.lost && f.each {
		return f.synced
	}
	return f.written
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
	if err != nil {
		f.lost = true
		return err
	}
	f.synced = f.written
	return nil
}

// outage is what a writer knows of times at which it can't write.
type outage struct {
	cause   error          // why nothing is written; nil: all is
	next    timebase.Ticks // when it is tried again
	wait    timebase.Ticks // after that
	opened  []*chunkFile   // by the muxer, and not handed over yet
	mended  []muxer.Chunk  // what became of them, to be handed over
	kept    int            // chunks that are whole
	end     timebase.Ticks // of the newest of them
	synced  timebase.Ticks // up to where there is something in those that are not whole yet
	missing spans          // what is in no chunk
	seek    bool           // the newest chunk waits for its first picture
}

// create makes the muxer's files.
func (w *writer) create(index int) (muxer.File, error) {
	f, err := w.files.createChunk(index)
	if err != nil {
		return nil, err
	}
	c := &chunkFile{File: f, index: index, each: w.interval == 0}
	w.outage.opened = append(w.outage.opened, c)
	return c, nil
}

// survive makes an error of a file the beginning of an outage. Any other is
// returned.
func (w *writer) survive(err error) error {
	if err == nil {
		return nil
	}
	if refused := (*muxer.SampleError)(nil); errors.As(err, &refused) {
		return err
	}
	w.fail(err)
	return nil
}

// fail ends the open chunk. What can't be finished yet is when it can.
func (w *writer) fail(cause error) {
	g := &w.outage
	g.synced = timebase.Ticks(w.mux.Synced())
	_, _ = w.mux.Close(0) // closes the file; what else it does, mend does again
	w.mux, g.cause, g.seek = nil, cause, false
	g.wait = firstTrial
	g.next = w.status().now + g.wait
	if err := w.mend(); err != nil {
		g.cause = errors.Join(cause, err)
	}
}

// mend finishes the files that a failed muxer has left, each at its last whole
// fragment, and removes those without one.
func (w *writer) mend() error {
	g := &w.outage
	for len(g.opened) > 0 {
		f := g.opened[0]
		info, err := w.finishFile(f)
		switch {
		case errors.Is(err, muxer.ErrNoMedia), errors.Is(err, fs.ErrNotExist):
			err = w.files.discardChunk(f.index)
		case err == nil, errors.Is(err, muxer.ErrNoIndex):
			w.hold(f.index, info)
			err = nil
		}
		if err != nil {
			return fmt.Errorf("finish chunk %d: %w", f.index, err)
		}
		g.opened = g.opened[1:]
	}
	w.chunks = w.chunks[:g.kept]
	return w.files.discardChunk(g.kept) // one that could not be created, maybe in part
}

// finishFile finishes what is on the disk of a file.
func (w *writer) finishFile(c *chunkFile) (info muxer.Info, err error) {
	if c.File, err = w.files.openChunk(c.index); err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return muxer.Complete(c, c.size())
}

// hold keeps a chunk that was finished for done.
func (w *writer) hold(index int, info muxer.Info) {
	g, c := &w.outage, &w.chunks[index]
	c.video, c.audio = info.VideoBytes, info.AudioBytes
	g.end = c.start + timebase.Ticks(info.Duration)
	if index+1 == len(w.chunks) || g.end < w.chunks[index+1].start {
		c.reason = chunkInterrupted
	}
	g.kept++
	g.mended = append(g.mended, muxer.Chunk{
		Index: index, Start: int64(c.start), End: int64(g.end), Bytes: info.Bytes, Fragments: info.Fragments,
	})
}

// test finds out whether a chunk can be written.
func (w *writer) test() {
	g := &w.outage
	err := w.try()
	if err != nil {
		g.cause = err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g.wait = min(2*g.wait, longestTrial)
	g.next = w.seen.now + g.wait
	w.seen.probing, w.seen.works = false, err == nil
}

func (w *writer) try() error {
	if err := w.mend(); err != nil {
		return err
	}
	f, err := w.files.createChunk(w.outage.kept)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, trialBytes), 0)
	return errors.Join(err, f.Sync(), f.Close(), w.files.discardChunk(w.outage.kept))
}

// begin begins a new chunk at pos. What came since the last one ended is missing.
// The sound there is still to come: of what is mixed up to pos the encoder holds
// back two frames, so that the next one begins before pos, with the one in front
// that a decoder needs.
func (w *writer) begin(pos timebase.Ticks) error {
	g := &w.outage
	defer func() {
		w.mu.Lock()
		w.seen.probing = false
		w.mu.Unlock()
	}()
	cfg := w.tracks
	cfg.Start, cfg.Index = int64(pos), g.kept
	var err error
	if w.mux, err = muxer.New(cfg, w.create); err != nil {
		return err
	}
	g.seek = true
	w.chunks = append(w.chunks, chunkBytes{start: pos})
	g.missing.add(g.end, pos)
	g.cause = nil
	return nil
}

// writes reports whether a picture goes into a chunk. After an outage the first
// is the key frame at the chunk's start.
func (w *writer) writes(s muxer.Sample) bool {
	g := &w.outage
	if g.seek && timebase.Ticks(s.PTS) == w.chunks[len(w.chunks)-1].start {
		g.seek = false
	}
	return w.mux != nil && !g.seek
}

// write writes a sample.
func (w *writer) write(s sample) error {
	if s.video {
		return w.putVideo(s.Sample)
	}
	return w.putAudio(s.Sample)
}

func (w *writer) putVideo(s muxer.Sample) error {
	if !w.writes(s) {
		return nil
	}
	w.chunkAt(timebase.Ticks(s.PTS)).video += int64(len(s.Data))
	if err := w.survive(w.mux.WriteVideo(s)); err != nil {
		return fmt.Errorf("write video: %w", err)
	}
	w.flush()
	return nil
}

func (w *writer) putAudio(s muxer.Sample) error {
	if w.mux == nil {
		return nil
	}
	w.chunkAt(timebase.FromRate(s.PTS, mixRate)).audio += int64(len(s.Data))
	if err := w.survive(w.mux.WriteAudio(s)); err != nil {
		return fmt.Errorf("write audio: %w", err)
	}
	w.flush()
	return nil
}

func (w *writer) chunkAt(pos timebase.Ticks) *chunkBytes {
	i := len(w.chunks) - 1
	for i > 0 && pos < w.chunks[i].start {
		i--
	}
	return &w.chunks[i]
}

// cut begins a new chunk at pos.
func (w *writer) cut(pos timebase.Ticks, reason string) error {
	if w.mux == nil {
		return nil
	}
	if err := w.mux.CutAt(int64(pos)); err != nil {
		return fmt.Errorf("begin a new chunk: %w", err)
	}
	w.chunks[len(w.chunks)-1].reason = reason
	w.chunks = append(w.chunks, chunkBytes{start: pos})
	return nil
}

// fetch returns the chunks that are finished since the last call.
func (w *writer) fetch() (done []doneChunk) {
	g := &w.outage
	chunks := g.mended
	g.mended = nil
	if w.mux != nil {
		for _, c := range w.mux.Done() {
			chunks = append(chunks, c)
			g.opened = g.opened[1:]
			g.kept, g.end = g.kept+1, timebase.Ticks(c.End)
		}
	}
	for _, c := range chunks {
		done = append(done, doneChunk{c, w.chunks[c.Index]})
	}
	return done
}

// end closes the open chunk, which ends at pos. An error of its file is one of
// the recording only if there is nothing to show.
func (w *writer) end(pos timebase.Ticks) error {
	g := &w.outage
	if w.mux != nil {
		chunks, err := w.mux.Close(int64(pos))
		if err == nil || isMedia(err) {
			g.mended = append(g.mended, chunks...)
			w.mux = nil
			return err
		}
		g.synced = timebase.Ticks(w.mux.Synced())
		w.mux, g.cause = nil, err
	}
	err := w.mend()
	if err != nil { // Engine.Recover finishes what is there
		g.end = max(g.end, g.synced)
	}
	g.missing.add(g.end, pos)
	if g.kept == 0 && pos > 0 {
		err = errors.Join(g.cause, err)
	}
	return err
}

// isMedia reports whether it is the media that Close complains of.
func isMedia(err error) bool {
	return errors.Is(err, muxer.ErrShort) || errors.Is(err, muxer.ErrPastEnd)
}
