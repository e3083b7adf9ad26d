package muxer

import (
	"errors"
	"fmt"
)

const (
	// maxLead is by how much one track may be ahead, in ticks, before fragments
	// are written without the rest of the other.
	maxLead = 10 * TickRate
	// maxQueued is how many bytes of samples may wait.
	maxQueued = 64 << 20
	// keepCap is how much memory for samples is kept, in bytes, while none wait.
	keepCap = 4 << 20
)

// Chunk is a finished file.
type Chunk struct {
	// Index is the number of the chunk, from Config.Index on.
	Index int
	// Start and End are positions on the recording's timeline in ticks. Start
	// is the End of the chunk before.
	Start, End int64
	// Bytes is the size of the file.
	Bytes int64
	// Fragments is how many there are.
	Fragments int
}

// Muxer writes one recording. It is not safe for concurrent use.
//
// A fragment is written as soon as both tracks have what belongs in it. When
// one track is ahead by more than 10 s, its fragments are written without the
// other's samples, which then go into a later one: less convenient to play,
// yet on disk. Samples beyond a pending cut have no file yet; 64 MiB of them
// may wait, and then [ErrLag] asks for the other track.
//
// After an error of a file every call returns that error; [Muxer.Close]
// finishes what is there.
type Muxer struct {
	cfg    Config
	create func(index int) (File, error)
	tracks []*track // in the order of their samples in a fragment
	open   *chunk   // nil before the first sample
	cut    int64    // where the next chunk begins; 0 if nothing is pending
	done   []Chunk
	synced int64 // up to where everything is on the disk, in ticks
	err    error // of a file; final
	closed bool
}

// New checks cfg. The function create is called for an empty file each time
// that a chunk begins, from within a call of the muxer.
func New(cfg Config, create func(index int) (File, error)) (*Muxer, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("muxer: %w", err)
	}
	m := &Muxer{cfg: cfg, create: create, synced: cfg.Start}
	if v := cfg.Video; v != nil {
		m.addTrack(track{name: "video", video: true, scale: TickRate, ticks: 1, delay: v.DecodeDelay})
	}
	if a := cfg.Audio; a != nil {
		m.addTrack(track{name: "audio", scale: uint32(a.SampleRate), ticks: a.ticks()})
	}
	return m, nil
}

func (m *Muxer) addTrack(t track) {
	t.id = uint32(len(m.tracks) + 1)
	t.next = m.cfg.Start/t.ticks - t.delay
	m.tracks = append(m.tracks, &t)
}

func (m *Muxer) track(video bool) *track {
	for _, t := range m.tracks {
		if t.video == video {
			return t
		}
	}
	return nil
}

// WriteVideo takes the next picture in decode order. The first one is shown at
// Config.Start. A refused sample is a [SampleError]; anything else is an error
// of a file. A picture at the position of a pending cut that cannot begin a
// chunk is refused with [ErrNotKey], and the cut is off.
func (m *Muxer) WriteVideo(s Sample) error {
	if m.cfg.Video == nil {
		return &SampleError{"video", s.PTS, s.DTS, ErrNoTrack}
	}
	return m.write(m.track(true), s)
}

// WriteAudio takes the next AAC frame. The first one begins at or, by the
// encoder's priming, up to 1 s before Config.Start. Errors are those of
// [Muxer.WriteVideo].
func (m *Muxer) WriteAudio(s Sample) error {
	if m.cfg.Audio == nil {
		return &SampleError{"audio", s.PTS, s.DTS, ErrNoTrack}
	}
	s.DTS, s.Key = s.PTS, false
	return m.write(m.track(false), s)
}

func (m *Muxer) write(t *track, s Sample) error {
	if m.closed {
		return ErrClosed
	}
	if m.err != nil {
		return m.err
	}
	if err := m.check(t, s); err != nil {
		return &SampleError{t.name, s.PTS, s.DTS, err}
	}
	if m.open == nil {
		if m.err = m.begin(m.cfg.Index, m.cfg.Start); m.err != nil {
			return m.err
		}
	}
	t.push(s)
	m.err = m.advance()
	return m.err
}

// check tells whether s may be taken.
func (m *Muxer) check(t *track, s Sample) error {
	if err := s.check(t); err != nil {
		return err
	}
	if err := t.checkOrder(s, m.cfg.Start); err != nil {
		return err
	}
	if m.queued()+int64(len(s.Data)) > maxQueued {
		return ErrLag
	}
	if t.video && m.cut != 0 && !t.reached(m.cut) && t.at(s.DTS)+s.Duration > m.cut {
		return m.checkCut(t, s)
	}
	return nil
}

// checkCut tells whether s, the first picture that is shown after the cut,
// begins a chunk there. If not, the cut is off.
func (m *Muxer) checkCut(t *track, s Sample) error {
	err := t.checkChunkStart(s, m.cut)
	if t.at(s.DTS) != m.cut {
		err = fmt.Errorf("%w: no picture begins at the cut, %d", ErrNotKey, m.cut)
	}
	if err != nil {
		m.cut = 0
	}
	return err
}

func (m *Muxer) queued() int64 {
	var n int64
	for _, t := range m.tracks {
		n += int64(len(t.queue.data))
	}
	return n
}

// CutAt says that the next chunk begins at a position in ticks, before the
// picture there is written, which has to be a key frame. Without video any
// position on a sample will do. [ErrCut] says that it is too late, that it is
// not on an audio sample, or that another cut is pending.
func (m *Muxer) CutAt(pos int64) error {
	if m.closed {
		return ErrClosed
	}
	start, taken := m.cfg.Start, m.cfg.Start
	if m.open != nil {
		start, taken = m.open.start, m.open.written
	}
	for _, t := range m.tracks {
		if pos%t.ticks != 0 {
			return fmt.Errorf("%w: %d ticks is not on a sample", ErrCut, pos)
		}
		if t.video {
			taken = max(taken, t.end())
		}
	}
	if pos <= start || pos < taken || pos > maxPosition {
		return fmt.Errorf("%w: %d ticks was passed", ErrCut, pos)
	}
	if m.cut != 0 {
		return fmt.Errorf("%w: a cut at %d ticks is pending", ErrCut, m.cut)
	}
	m.cut = pos
	return nil
}

// Current is the open chunk as it would be if it ended with the samples that
// were taken so far: Bytes includes those that wait for their fragment. It is
// zero before the first sample and after Close.
func (m *Muxer) Current() Chunk {
	if m.open == nil {
		return Chunk{}
	}
	c := Chunk{Index: m.open.index, Start: m.open.start, End: m.open.start, Bytes: m.open.size + m.queued(), Fragments: m.open.fragments}
	for _, t := range m.tracks {
		if t.started {
			c.End = max(c.End, t.end())
		}
	}
	return c
}

// Synced returns the position in ticks up to which whole fragments are in files,
// and synced unless Config.NoSync is set.
func (m *Muxer) Synced() int64 { return m.synced }

// Done returns the chunks that were finished and closed since the last call.
func (m *Muxer) Done() []Chunk {
	done := m.done
	m.done = nil
	return done
}

// advance writes the fragments that are complete and changes the chunk when
// the cut is reached.
func (m *Muxer) advance() error {
	for {
		to := m.open.boundary
		if m.cut != 0 {
			to = min(to, m.cut)
		}
		switch {
		case m.all(func(t *track) bool { return t.reached(to) }):
		case m.overdue() && !m.all(func(t *track) bool { return !t.holds(to) }):
		default:
			return nil
		}
		if err := m.writeFragment(to); err != nil {
			return err
		}
		if to == m.cut && m.all(func(t *track) bool { return t.reached(to) }) {
			if err := m.change(); err != nil {
				return err
			}
		}
	}
}

func (m *Muxer) all(f func(*track) bool) bool {
	for _, t := range m.tracks {
		if !f(t) {
			return false
		}
	}
	return true
}

// overdue says whether one track is so far ahead of the other that fragments
// are to be written all the same. Both have to have begun: the header says
// where each of them does.
func (m *Muxer) overdue() bool {
	first, last := m.tracks[0].end(), m.tracks[0].end()
	for _, t := range m.tracks {
		if !t.started {
			return false
		}
		first, last = min(first, t.end()), max(last, t.end())
	}
	return last-first > maxLead
}

// change finishes the open chunk at the cut and begins the next one.
func (m *Muxer) change() error {
	index, pos := m.open.index+1, m.cut
	m.cut = 0
	if err := m.finish(pos); err != nil {
		return err
	}
	return m.begin(index, pos)
}

// Close ends both tracks at a position in ticks and finishes the open chunk. It
// returns the chunks that [Muxer.Done] has not. The last picture is shown until
// end, if that is less than another picture's duration longer; audio frames
// beyond end, which an encoder gives when it is flushed, are left out. Errors
// are [ErrShort], [ErrPastEnd], [ErrNoMedia] and those of files; whatever they
// are, the chunks are as complete as they can be. A pending cut is off.
func (m *Muxer) Close(end int64) ([]Chunk, error) {
	if m.closed {
		return nil, ErrClosed
	}
	m.closed = true
	if m.open == nil {
		return m.Done(), m.err
	}
	err := m.err
	if err != nil {
		end = unknown
	} else {
		m.cut = 0
		err = m.drain(end)
	}
	err = errors.Join(err, m.finish(end))
	return m.Done(), err
}

// drain writes everything before end.
func (m *Muxer) drain(end int64) error {
	m.beginTracks()
	var errs []error
	for _, t := range m.tracks {
		if n := t.drop(end); t.video && n > 0 {
			errs = append(errs, fmt.Errorf("%w: %d pictures", ErrPastEnd, n))
		}
		if missing := end - t.end(); missing > 0 && missing >= t.stretch() {
			errs = append(errs, fmt.Errorf("%w: %s by %d ticks", ErrShort, t.name, missing))
		}
	}
	for !m.all((*track).empty) {
		if err := m.writeFragment(min(m.open.boundary, end)); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}
