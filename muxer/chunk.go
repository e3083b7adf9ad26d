package muxer

import (
	"errors"
	"fmt"
)

// chunk is the open file.
type chunk struct {
	file      File
	index     int
	start     int64 // ticks
	size      int64 // of what was written whole, and synced
	fragments int
	written   int64 // up to where fragments were written, in ticks
	boundary  int64 // up to where the next fragment goes
	begun     bool  // the tracks know their media time
	buf       []byte
}

// begin opens the chunk that begins at pos.
func (m *Muxer) begin(index int, pos int64) error {
	f, err := m.create(index)
	if err != nil {
		return fmt.Errorf("muxer: create chunk %d: %w", index, err)
	}
	m.open = &chunk{file: f, index: index, start: pos, written: pos, boundary: pos + m.cfg.FragmentDuration}
	return nil
}

// beginTracks settles where media time begins in the open chunk.
func (m *Muxer) beginTracks() {
	if m.open.begun {
		return
	}
	m.open.begun = true
	for _, t := range m.tracks {
		t.begin(m.open.start)
	}
}

// writeFragment appends what the tracks hold before pos.
func (m *Muxer) writeFragment(pos int64) error {
	m.open.buf = m.open.buf[:0]
	some, err := m.makeFragment(pos)
	if err != nil || !some {
		return err
	}
	return m.put(pos)
}

// makeFragment makes one of what the tracks hold before pos, if there is something.
// The header goes in front of the first fragment, when it is known where the
// tracks begin.
func (m *Muxer) makeFragment(pos int64) (some bool, err error) {
	c := m.open
	c.written = pos
	if pos == c.boundary {
		c.boundary += m.cfg.FragmentDuration
	}
	if m.all(func(t *track) bool { return !t.holds(pos) }) {
		return false, nil
	}
	var header []byte
	if c.size == 0 {
		m.beginTracks()
		if header, err = m.header(); err != nil {
			return false, fmt.Errorf("muxer: chunk %d: header: %w", c.index, err)
		}
		c.buf = append(c.buf, header...)
	}
	var parts [maxTracks]part
	for i, t := range m.tracks {
		parts[i] = t.before(pos)
	}
	c.appendFragment(header, parts[:len(m.tracks)]...)
	for i, t := range m.tracks {
		t.forget(parts[i])
	}
	c.fragments++
	return true, nil
}

// put writes what was made of what is before pos.
func (m *Muxer) put(pos int64) error {
	c := m.open
	if _, err := c.file.WriteAt(c.buf, c.size); err != nil {
		return fmt.Errorf("muxer: write chunk %d: %w", c.index, err)
	}
	if !m.cfg.NoSync { // what can't be synced may not be there tomorrow
		if err := c.file.Sync(); err != nil {
			return fmt.Errorf("muxer: sync chunk %d: %w", c.index, err)
		}
	}
	c.size += int64(len(c.buf))
	m.synced = pos
	return nil
}

// finish completes and closes the open chunk, which ends at pos or, if that is
// unknown, with its media.
func (m *Muxer) finish(pos int64) error {
	c := m.open
	m.open = nil
	duration := int64(unknown)
	if pos > c.start {
		duration = pos - c.start
	}
	info, err := finish(c.file, c.size, c.size, duration)
	if info.Fragments > 0 {
		m.done = append(m.done, Chunk{
			Index: c.index, Start: c.start, End: c.start + info.Duration,
			Bytes: info.Bytes, Fragments: info.Fragments,
		})
	}
	if err = errors.Join(err, c.file.Close()); err != nil {
		return fmt.Errorf("finish chunk %d: %w", c.index, err)
	}
	return nil
}
