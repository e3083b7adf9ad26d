package callreel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

// maxFragment is more than the bytes of a fragment. What is larger and has none
// that is whole has been damaged since, and is not dropped.
const maxFragment = 32 << 20

// interrupt ends a recording that was running, with what is known of the end.
func (l *leftover) interrupt() {
	m := l.manifest
	m.Result.EndReason = EndInterrupted
	if l.has(captureName) {
		m.Result.Capture = CaptureKey(l.id)
	}
	if m.PausedSince.IsZero() {
		return
	}
	// The pause that lasted did so at least as long as something was written.
	lasted := max(0, l.lastWrite().Sub(m.PausedSince))
	m.Result.Pauses = append(m.Result.Pauses, Pause{Start: m.PausedSince, Duration: lasted})
}

// lastWrite returns when something was written.
func (l *leftover) lastWrite() time.Time {
	last := l.manifest.Time
	for _, name := range l.files {
		if st, err := l.stat(name); err == nil && st.ModTime().After(last) {
			last = st.ModTime()
		}
	}
	return last
}

func (l *leftover) stat(name string) (os.FileInfo, error) {
	path, err := l.eng.spool.Path(l.id, name)
	if err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// salvage finishes the media that the manifest does not know, and drops files
// with nothing in them.
func (l *leftover) salvage() (found bool) {
	res := &l.manifest.Result
	for _, index := range l.strays(res.Chunks) {
		info, err := l.finishFile(index, false)
		switch {
		case errors.Is(err, muxer.ErrNoMedia) && l.eng.courier.size(l.id, mediaName(index)) <= maxFragment:
			err = l.eng.spool.Discard(l.id, mediaName(index)) // the manifest keeps the directory
			l.files = slices.DeleteFunc(l.files, func(name string) bool { return name == mediaName(index) })
		case err == nil:
			res.Chunks = append(res.Chunks, l.chunk(index, info))
			found = true
		}
		if err != nil {
			l.problems = append(l.problems, fmt.Errorf("%s: %w", mediaName(index), err))
		}
	}
	if found || !l.manifest.Ended {
		if !l.manifest.Ended {
			res.Duration = 0
		}
		for _, c := range res.Chunks {
			res.Duration = max(res.Duration, c.Start+c.Duration)
		}
		res.Unwritten = missingIn(res.Chunks, res.Duration)
		res.Stats.Unwritten = res.Unwritten.Total
		res.Stats.Frames = int64(timebase.FromDuration(res.Duration) * timebase.Ticks(l.manifest.Settings.FrameRate) / timebase.Second)
	}
	return found
}

// missingIn returns what is in no chunk of a recording. Rounding makes no gaps.
func missingIn(chunks []Chunk, length time.Duration) Spans {
	var missing spans
	var end timebase.Ticks
	upTo := func(pos timebase.Ticks) {
		if pos-end >= timebase.Second/1000 {
			missing.add(end, pos)
		}
	}
	for _, c := range chunks {
		upTo(timebase.FromDuration(c.Start))
		end = timebase.FromDuration(c.Start + c.Duration)
	}
	upTo(timebase.FromDuration(length))
	return missing.report()
}

// strays are the numbers of the media files that are not of known chunks, in order.
func (l *leftover) strays(known []Chunk) []int {
	var out []int
	for _, name := range l.files {
		number, isMedia := strings.CutSuffix(name, ".mp4")
		index, err := strconv.Atoi(number)
		if !isMedia || err != nil || mediaName(index) != name {
			continue
		}
		if !slices.ContainsFunc(known, func(c Chunk) bool { return c.Index == index }) {
			out = append(out, index)
		}
	}
	slices.Sort(out)
	return out
}

// finishFile finishes a media file, or says what that would give. One that is
// finished stays as it is.
func (l *leftover) finishFile(index int, dry bool) (info muxer.Info, err error) {
	f, err := l.eng.files.open(l.id, mediaName(index))
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size := l.eng.courier.size(l.id, mediaName(index))
	if dry {
		return muxer.Examine(f, size)
	}
	return muxer.Finish(f, size)
}

// chunk describes a file that nobody has described. It begins where the one before ends.
func (l *leftover) chunk(index int, info muxer.Info) Chunk {
	m := l.manifest
	c := Chunk{
		Index: index, DocumentID: DocumentID(l.id, index),
		Duration: timebase.Ticks(info.Duration).Duration(), Bytes: info.Bytes,
		EndReason: string(EndInterrupted),
		MediaKey:  MediaKey(l.id, index), MetadataKey: MetadataKey(l.id, index),
	}
	if n := len(m.Result.Chunks); n > 0 {
		c.Start = m.Result.Chunks[n-1].Start + m.Result.Chunks[n-1].Duration
	}
	for _, gap := range m.Result.Unwritten.List {
		if gap.Start == c.Start {
			c.Start += gap.Duration
		}
	}
	c.StartTime = startsAt(m.Result, c.Start)
	switch {
	case !l.has(mediaName(index + 1)):
	case c.Duration >= m.Settings.ChunkDuration:
		c.EndReason = chunkFullTime
	default:
		c.EndReason = chunkFullSize
	}
	return c
}

// startsAt returns when a position was recorded: after the pauses and gaps before it.
func startsAt(res Result, pos time.Duration) time.Time {
	at := res.StartTime.Add(pos)
	for _, o := range omitted(res) {
		if at.Add(omissionSlack).Before(o.start) {
			break
		}
		at = at.Add(o.duration)
	}
	return at
}

// describe writes the metadata of chunks that have none.
func (l *leftover) describe() error {
	m := l.manifest
	for _, c := range m.Result.Chunks {
		if !l.has(mediaName(c.Index)) || l.has(metadataName(c.Index)) {
			continue
		}
		info, err := l.finishFile(c.Index, false)
		if err != nil {
			return fmt.Errorf("%s: %w", mediaName(c.Index), err)
		}
		rates := chunkBytes{video: info.VideoBytes, audio: info.AudioBytes}.rates(c.Duration)
		meta, err := describeChunk(l.eng.cfg.ResourceID, m.Settings, c, rates, l.leftOut(c), m.Result.Participants)
		if err == nil {
			err = l.eng.spool.Replace(l.id, metadataName(c.Index), meta)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", metadataName(c.Index), err)
		}
		l.files = append(l.files, metadataName(c.Index))
	}
	return nil
}

// leftOut returns what the chunk leaves out, also a pause at its very end if
// nothing follows.
func (l *leftover) leftOut(c Chunk) (out omissions) {
	res := &l.manifest.Result
	last := !l.goesOn && res.Chunks[len(res.Chunks)-1].Index == c.Index
	var sum time.Duration
	for _, o := range omitted(*res) {
		at := o.start.Sub(res.StartTime) - sum + omissionSlack
		sum += o.duration
		if at >= c.Start && (at < c.Start+c.Duration || last) {
			out = append(out, o)
		}
	}
	return out
}
