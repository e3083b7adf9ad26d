package muxer

import (
	"bytes"
	"hash/crc32"
	"io"
)

// Checkpoint is for a pause: it writes everything before a position in ticks,
// where the next picture will begin, though the fragment is not full. What the
// encoder of sound still holds until it gets more, spare stands for: the AAC
// frames that it would give if it ended here. They count until there is another
// fragment, so only a file that is cut off before that plays them.
//
// Nothing is written while a cut is pending, or there is no picture. Errors are those of
// [Muxer.WriteVideo].
func (m *Muxer) Checkpoint(pos int64, spare []Sample) error {
	if m.closed {
		return ErrClosed
	}
	if m.err != nil {
		return m.err
	}
	a := m.track(false)
	if a == nil || len(spare) == 0 {
		spare = nil
	} else if err := a.checkSpare(spare, m.cfg.Start); err != nil {
		return &SampleError{a.name, spare[0].PTS, spare[0].PTS, err}
	}
	if v := m.track(true); m.open == nil || m.cut != 0 || v != nil && !v.started || pos <= m.open.written {
		return nil
	}
	m.err = m.checkpoint(pos, a, spare)
	return m.err
}

// checkSpare tells whether samples may follow what the track has taken.
func (t *track) checkSpare(spare []Sample, start int64) error {
	after := *t
	for i := range spare {
		spare[i].DTS, spare[i].Key = spare[i].PTS, false
		if err := spare[i].check(t); err != nil {
			return err
		}
		if err := after.checkOrder(spare[i], start); err != nil {
			return err
		}
		after.started, after.next = true, spare[i].DTS+spare[i].Duration
	}
	return nil
}

// checkpoint writes what is before pos, and spare behind it.
func (m *Muxer) checkpoint(pos int64, a *track, spare []Sample) error {
	c := m.open
	var held store
	for _, s := range spare {
		held.push(s)
	}
	if spare != nil && a.empty() && !c.begun { // they tell where sound begins
		a.queue.add(held)
		m.beginTracks()
		a.queue = store{}
	}
	for c.boundary < pos {
		c.boundary += m.cfg.FragmentDuration
	}
	c.buf = c.buf[:0]
	if _, err := m.makeFragment(pos); err != nil || c.size == 0 && len(c.buf) == 0 {
		return err
	}
	if spare != nil {
		c.appendSpare(part{a, held})
	}
	return m.put(pos)
}

// A spare fragment lies in a free box (8.1.2) with a name, which others skip. What
// comes next in the file makes it void; if there is nothing, Finish makes it the
// last fragment. Nothing is ever written over, so there is no instant at which
// neither of the two is there.
const (
	spareName   = "spar"
	spareHeader = boxHeader + 4
)

// appendSpare appends a spare fragment.
func (c *chunk) appendSpare(p part) {
	at := len(c.buf)
	c.buf = append(beginBox(c.buf, "free"), spareName...)
	c.appendFragment(nil, p)
	endBox(c.buf, at)
}

// readSpare reads the spare fragment at a position, nil if there is no whole one,
// and the length of its box.
func readSpare(f io.ReaderAt, at, size int64) (fragment []byte, length int64, err error) {
	name, header, length, err := boxAt(f, at, size)
	if err != nil || name != "free" || header != boxHeader || length <= spareHeader || length > maxMoof {
		return nil, 0, ignoreEnd(err)
	}
	b := make([]byte, length)
	if err := readFull(f, b, at); err != nil {
		return nil, 0, err
	}
	if string(b[boxHeader:spareHeader]) != spareName {
		return nil, 0, nil
	}
	fragment = b[spareHeader:]
	raw, n, err := readFragment(bytes.NewReader(fragment), 0, int64(len(fragment)))
	if err != nil || raw == nil || n != int64(len(fragment)) {
		return nil, 0, ignoreEnd(err)
	}
	want, ok := checksum(raw)
	sum := crc32.Update(sumMoof(crc32.Checksum(nil, castagnoli), raw), castagnoli, fragment[len(raw):])
	if !ok || sum != want {
		return nil, 0, nil
	}
	return fragment, length, nil
}

// takeSpare makes the spare fragment the last one, if the file ends with it.
func (m *movie) takeSpare() error {
	if m.spare == nil {
		return nil
	}
	raw, length, err := readFragment(bytes.NewReader(m.spare), 0, int64(len(m.spare)))
	if err != nil {
		return err
	}
	if !m.add(moof{raw, m.end}, length) {
		m.spare = nil
		return nil
	}
	m.end += length
	m.fragments++
	return nil
}
