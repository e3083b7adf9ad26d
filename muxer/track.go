package muxer

import "fmt"

// maxPriming is how far before the start audio may begin, in ticks.
const maxPriming = TickRate

// maxTracks is how many there are: video and audio.
const maxTracks = 2

// track is what one track has taken and not yet written.
type track struct {
	name  string
	video bool
	id    uint32
	scale uint32 // timescale
	ticks int64  // ticks per unit of the timescale
	delay int64  // decode delay

	started bool
	next    int64 // DTS at which the next sample has to begin
	shown   int64 // end of what has been taken, in presentation order
	last    int64 // duration of the last sample
	queue   store
	tail    store // the last two samples that left queue, for audio's next chunk

	// Of the open chunk:
	base int64 // DTS at media time 0
	lead int64 // media time at which the presentation begins: elst media_time
}

// at is where a sample with a DTS stands in the interleaving, in ticks: its
// presentation position if there were no B-frames.
func (t *track) at(dts int64) int64 { return (dts + t.delay) * t.ticks }

// end is where the next sample will stand.
func (t *track) end() int64 { return t.at(t.next) }

// stretch is by how many ticks a track may end before the recording does and
// still reach its end: the last picture can be shown for longer.
func (t *track) stretch() int64 {
	if t.video && t.started {
		return t.last
	}
	return 0
}

// reached says whether a sample at pos or after is there, so that everything
// before pos is.
func (t *track) reached(pos int64) bool {
	return !t.empty() && t.at(t.queue.last().dts) >= pos
}

// holds says whether there is something before pos to write.
func (t *track) holds(pos int64) bool {
	return !t.empty() && t.at(t.queue.samples[0].dts) < pos
}

// empty says whether nothing waits to be written.
func (t *track) empty() bool { return len(t.queue.samples) == 0 }

// checkOrder tells whether s may follow what the track has taken.
func (t *track) checkOrder(s Sample, start int64) error {
	if !t.started {
		return t.checkFirst(s, start)
	}
	if s.DTS < t.next {
		return fmt.Errorf("%w, at DTS %d", ErrOverlap, t.next)
	}
	if s.DTS > t.next {
		return fmt.Errorf("%w, which ends at DTS %d", ErrHole, t.next)
	}
	return nil
}

// checkFirst tells whether a recording that begins at start may begin with s.
func (t *track) checkFirst(s Sample, start int64) error {
	switch pos := t.at(s.DTS); {
	case pos > start:
		return fmt.Errorf("%w: the recording begins at %d ticks", ErrHole, start)
	case t.video && pos < start, pos < start-maxPriming:
		return fmt.Errorf("%w: the recording begins at %d ticks", ErrOverlap, start)
	case t.video:
		return t.checkChunkStart(s, start)
	}
	return nil
}

// checkChunkStart tells whether a chunk that begins at pos may begin with the
// video sample s: an IDR picture after which nothing earlier is shown.
func (t *track) checkChunkStart(s Sample, pos int64) error {
	switch {
	case !s.Key:
		return fmt.Errorf("%w: a chunk begins here", ErrNotKey)
	case s.PTS != pos:
		return fmt.Errorf("%w: shown at %d, the chunk begins at %d", ErrBadSample, s.PTS, pos)
	case t.started && t.shown > pos:
		return fmt.Errorf("%w: pictures before it are shown until %d", ErrOverlap, t.shown)
	}
	return nil
}

// push takes a sample that was checked.
func (t *track) push(s Sample) {
	t.started = true
	t.next = s.DTS + s.Duration
	t.shown = max(t.shown, s.PTS+s.Duration)
	t.last = s.Duration
	t.queue.push(s)
}

// before returns the samples before pos.
func (t *track) before(pos int64) part {
	n := 0
	for n < len(t.queue.samples) && t.at(t.queue.samples[n].dts) < pos {
		n++
	}
	first, _ := t.queue.split(n)
	return part{t, first}
}

// forget removes the first samples, which are written.
func (t *track) forget(p part) {
	n := len(p.samples)
	if !t.video {
		_, newest := p.split(max(0, n-2))
		t.tail.add(newest)
		t.tail.discard(max(0, len(t.tail.samples)-2))
	}
	t.queue.discard(n)
}

// begin prepares for the chunk that begins at pos. Video begins with the key
// frame there. Audio begins with the frame that covers pos and the one before
// it, of which the decoder makes the overlap.
func (t *track) begin(pos int64) {
	t.base = pos/t.ticks - t.delay
	t.lead = t.delay
	if t.video || t.empty() {
		return
	}
	before := t.tail
	if t.at(t.queue.samples[0].dts) <= pos {
		_, before = before.split(max(0, len(before.samples)-1))
	}
	var all store
	all.add(before)
	all.add(t.queue)
	t.queue = all
	t.base = all.samples[0].dts
	t.lead = pos/t.ticks - t.base
}

// drop removes the samples at pos or after and says how many they were.
func (t *track) drop(pos int64) (n int) {
	for ; t.reached(pos); n++ {
		t.next = t.queue.last().dts
		t.queue, _ = t.queue.split(len(t.queue.samples) - 1)
	}
	return n
}
