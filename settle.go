package callreel

import (
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

// secured is what an output knows of the pauses at which its encoders give out
// what they hold: a pause may last, and a crash in it is to take nothing.
type secured struct {
	upTo   int64   // number of the frame before which all is in the file
	ending bool    // a pause begins soon: not the time for a new chunk
	anew   bool    // the encoder of pictures is new, so the next is a key frame
	keys   int     // that came out of it
	alike  bool    // that key frame would have the number of the one before
	past   []int16 // the newest that the encoder of sound got
	heard  int64   // position of what comes out of it next, in samples
}

// warmUp is how many frames of AAC an encoder is given to be where another is:
// two that this one has not given out, and two of which those are made.
const warmUp = 4

// soundHeld is more than what the encoder of sound holds: a new chunk that begins
// so shortly before a pause would have no sound until the end of it.
const soundHeld = 3 * timebase.Second / 10

// errHeld says that the encoder can't be opened once more, as it has to be after
// it has given out what it holds.
var errHeld = errors.New("what the encoder holds waits for the end of the pause")

// settles reports whether nothing more is composed until the end of a pause, and
// what was is not in the file yet.
func (s *session) settles() bool {
	return s.stopped == never && s.timeline.paused() && s.due() == never && s.frame > s.out.upTo
}

// settle brings that to the file.
func (s *session) settle() error {
	err := s.out.secure(s.frame)
	if errors.Is(err, errHeld) {
		s.log.Warn("a crash in this pause would take some pictures", "error", err)
		return nil
	}
	return err
}

// secure brings to the file everything before frame number frames, which does not
// come for a while. The encoder of pictures is flushed and opened anew. That of
// sound goes on, so that nothing is heard of this: another one tells what it
// would give, which is in the file until it has.
func (o *output) secure(frames int64) error {
	o.upTo = frames
	held := o.secureVideo(frames)
	if held != nil && !errors.Is(held, errHeld) {
		return held
	}
	spare, err := o.spareAudio()
	if err != nil {
		return err
	}
	pos := timebase.Ticks(frames) * o.frameLen
	if held != nil { // up to where there are pictures
		pos = min(pos, o.open.video)
	}
	return errors.Join(held, o.put(func() error { return o.checkpoint(pos, spare) }))
}

// secureVideo writes all pictures. Repetitions are not in the encoder.
func (o *output) secureVideo(frames int64) error {
	if !o.still {
		fresh, err := o.reopen()
		if err != nil {
			return err
		}
		old := o.venc
		was := o.probe.Enter(probe.EncodeVideo)
		packets, err := old.Flush()
		o.probe.Enter(was)
		err = errors.Join(err, o.writeVideo(packets))
		old.Close()
		o.venc, o.anew, o.alike, o.keys = fresh, true, o.keys%2 == 1, 0
		if !o.still {
			o.since = frames
		}
		if err != nil {
			return err
		}
	}
	return o.release(frames)
}

// reopen opens the encoder of pictures once more. What it makes has to fit the
// header of the file.
func (o *output) reopen() (*codec.VideoEncoder, error) {
	e, err := codec.NewVideoEncoder(o.videoConfig())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errHeld, err)
	}
	if !slices.Equal(e.Header(), o.venc.Header()) || e.DecodeDelay() != o.venc.DecodeDelay() {
		e.Close()
		return nil, fmt.Errorf("%w: it begins with other parameter sets", errHeld)
	}
	return e, nil
}

// differ makes a key frame n have another idr_pic_id than the one before, as it
// must if they are next to each other (ISO/IEC 14496-10 section 7.4.3). Encoders
// count from zero, so a new one is given one more.
func (o *output) differ(canvas *image.YCbCr, n int64) error {
	if !o.alike {
		return nil
	}
	o.alike = false
	packets, err := o.venc.Encode(canvas, n-1, true)
	if err != nil {
		return err
	}
	return o.writeVideo(packets) // not that one
}

// remember keeps what the encoder of sound gets.
func (o *output) remember(pcm []int16) {
	o.past = append(o.past, pcm...)
	o.past = o.past[:copy(o.past, o.past[max(0, len(o.past)-warmUp*o.aenc.FrameSize()):])]
}

// spareAudio returns what the encoder of sound would give if it were flushed now.
func (o *output) spareAudio() (spare []muxer.Sample, err error) {
	e, err := codec.NewAACEncoder(mixRate, int64(o.cfg.AudioBitRate))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	was := o.probe.Enter(probe.EncodeAudio)
	defer o.probe.Enter(was)
	size := e.FrameSize()
	keep := func(packets []codec.Packet) {
		for _, p := range packets {
			if p.PTS >= o.heard {
				spare = append(spare, muxer.Sample{Data: slices.Clone(p.Data), PTS: p.PTS, Duration: int64(size)})
			}
		}
	}
	at := o.samples - int64(len(o.past))
	for pcm := range slices.Chunk(slices.Concat(o.past, o.pcm), size) {
		packets, err := e.Encode(pcm, at)
		if err != nil {
			return nil, err
		}
		keep(packets)
		at += int64(size)
	}
	packets, err := e.Flush()
	keep(packets)
	return spare, err
}

// checkpoint writes what the muxer holds.
func (w *writer) checkpoint(pos timebase.Ticks, spare []muxer.Sample) error {
	if w.mux == nil || w.outage.seek {
		return nil
	}
	if err := w.survive(w.mux.Checkpoint(int64(pos), spare)); err != nil {
		return fmt.Errorf("write what a pause is not to hold back: %w", err)
	}
	w.flush()
	return nil
}
