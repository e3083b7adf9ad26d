package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"image"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/probe"
)

// mixRate is that of the recording's sound in Hz, and aacRate its bits per second.
const (
	mixRate = 16000
	aacRate = 48000
)

// floor measures what no recorder of these calls can do without: decoding the
// pictures of the layers that the recording showed and all sound, and encoding
// the same composition with the same settings. Nothing is received, scaled,
// mixed or written; reading the inputs is not counted.
func (j Job) floor(ctx context.Context) (report, error) {
	c, err := makeCall(ctx, j.Cache, j.Scenario)
	if err != nil {
		return report{}, err
	}
	doc, err := os.ReadFile(filepath.Join(j.Dir, paletteFile))
	if err != nil {
		return report{}, err
	}
	var ref reference
	if err := json.Unmarshal(doc, &ref); err != nil {
		return report{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f := floor{call: c, ref: ref, spent: make(map[probe.Stage]time.Duration)}
	err = errors.Join(f.decode(), f.listen(), f.encode(filepath.Join(j.Dir, compositionFile)), f.speak())
	if err != nil {
		return report{}, err
	}
	seconds := float64(j.Scenario.Seconds)
	rep := report{Sample: Sample{Seconds: seconds, PeakRSS: peakRSS(), FileRSS: fileRSS(), Stages: make(map[string]float64)}}
	for stage, d := range f.spent {
		rep.Sample.Stages[stage.String()] = d.Seconds() / seconds
		rep.Sample.Cores += d.Seconds() / seconds
	}
	rep.Sample.Wall = rep.Sample.Cores
	rep.Quality = Quality{Decoded: f.pictures, Sounds: f.sounds, Frames: f.frames}
	return rep, nil
}

type floor struct {
	call             call
	ref              reference
	spent            map[probe.Stage]time.Duration
	pictures, sounds uint64
	frames           int64
}

// ticks is how many frames the recording has.
func (f *floor) ticks() int { return f.call.scenario.Seconds * f.ref.Encoder.FrameRate }

func (f *floor) stream(s sent) stream { return stream{sent: s, rate: f.ref.Encoder.FrameRate} }

// time counts what do uses.
func (f *floor) time(stage probe.Stage, do func() error) error {
	begin := cpu.Thread()
	err := do()
	f.spent[stage] += cpu.Thread() - begin
	return err
}

// decode decodes what was shown, a tick of the recording at a time: as in the
// recording, no decoder has the cache for itself.
func (f *floor) decode() error {
	var all []*shown
	for _, p := range f.call.parties {
		for _, s := range p.sends {
			if !strings.HasPrefix(s.MIME, "video/") {
				continue
			}
			role := "camera"
			if s.screen {
				role = "screen"
			}
			u, ok := f.ref.Used[p.id+"/"+role]
			if !ok || u.RID != s.rid {
				continue
			}
			dec, err := codec.NewVideoDecoder(s.MIME)
			if err != nil {
				return err
			}
			defer dec.Close()
			all = append(all, &shown{stream: f.stream(s), temporal: u.Temporal, dec: dec})
		}
	}
	for tick := range f.ticks() {
		for _, s := range all {
			err := f.time(probe.DecodeVideo, func() error { return f.advance(s, tick+1) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// stream is what is decoded of somebody.
type stream struct {
	sent
	rate int // frames/s of the recording
	next int
}

// tick returns the frame of the recording in which unit n is due.
func (s *stream) tick(n int) int { return n * s.Step * s.rate / s.Clock }

// shown is a camera or a screen.
type shown struct {
	stream
	temporal int // the highest layer; -1: all
	dec      *codec.VideoDecoder
}

// left reports whether picture n is of a layer that is left out.
func (s *shown) left(n int) bool { return s.temporal >= 0 && int(s.Frames[n].TID) > s.temporal }

// needed reports whether picture n, or one that depends on it, is shown. Where
// receivers are not told which those are, all are needed.
func (s *shown) needed(n int) bool {
	if s.temporal < 1 || int(s.Frames[n].TID) < s.temporal || s.MIME != "video/VP8" {
		return true
	}
	next := s.after(n, 0)
	if next < 0 || s.tick(next) > s.tick(n) {
		return true
	}
	next = s.after(n, s.temporal)
	return next < 0 || !synced(next) && s.needed(next)
}

// after returns the picture after n that is of a temporal layer or a higher one,
// and not left out; -1: there is none.
func (s *shown) after(n, layer int) int {
	for n++; n < len(s.Frames); n++ {
		if int(s.Frames[n].TID) >= layer && !s.left(n) {
			return n
		}
	}
	return -1
}

// advance decodes up to a tick.
func (f *floor) advance(s *shown, tick int) error {
	for ; s.next < len(s.Frames) && s.tick(s.next) < tick; s.next++ {
		if s.left(s.next) || !s.needed(s.next) {
			continue
		}
		fresh, err := s.dec.Decode(s.Frames[s.next].Data)
		if err != nil {
			return err
		}
		if fresh {
			f.pictures++
		}
	}
	return nil
}

// listen decodes all sound, a tick of the recording at a time too.
func (f *floor) listen() error {
	var all []*heard
	for _, p := range f.call.parties {
		dec, err := codec.NewOpusDecoder()
		if err != nil {
			return err
		}
		all = append(all, &heard{stream: f.stream(p.sends[0]), dec: dec})
	}
	for tick := range f.ticks() {
		for _, s := range all {
			if err := f.time(probe.DecodeAudio, func() error { return f.hear(s, tick+1) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// heard is a voice.
type heard struct {
	stream
	dec *codec.OpusDecoder
}

// hear decodes up to a tick.
func (f *floor) hear(s *heard, tick int) error {
	for ; s.next < len(s.Frames) && s.tick(s.next) < tick; s.next++ {
		data := s.Frames[s.next].Data
		if len(data) == 0 {
			continue
		}
		f.sounds++
		if _, err := s.dec.Decode(data); err != nil {
			return err
		}
	}
	return nil
}

// encode encodes the composition as the recording did.
func (f *floor) encode(composition string) (err error) {
	in, err := os.Open(composition)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	enc, err := codec.NewVideoEncoder(f.ref.Encoder)
	if err != nil {
		return err
	}
	defer enc.Close()
	img := image.NewYCbCr(image.Rect(0, 0, f.ref.Width, f.ref.Height), image.YCbCrSubsampleRatio420)
	r := bufio.NewReaderSize(in, 1<<20)
	for ; ; f.frames++ {
		ready, err := readPicture(r, img)
		if err != nil {
			return err
		}
		if !ready {
			break
		}
		if err := f.time(probe.EncodeVideo, func() error {
			_, err := enc.Encode(img, f.frames, f.frames == 0)
			return err
		}); err != nil {
			return err
		}
	}
	return f.time(probe.EncodeVideo, func() error {
		_, err := enc.Flush()
		return err
	})
}

// speak encodes sound that is much like the mix: that of whoever speaks.
func (f *floor) speak() error {
	enc, err := codec.NewAACEncoder(mixRate, aacRate)
	if err != nil {
		return err
	}
	defer enc.Close()
	pcm, err := f.oneVoice()
	if err != nil {
		return err
	}
	return f.time(probe.EncodeAudio, func() error {
		for at := 0; at+enc.FrameSize() <= len(pcm); at += enc.FrameSize() {
			if _, err := enc.Encode(pcm[at:at+enc.FrameSize()], int64(at)); err != nil {
				return err
			}
		}
		_, err := enc.Flush()
		return err
	})
}

// oneVoice decodes the sound of whoever has the turn.
func (f *floor) oneVoice() ([]int16, error) {
	const step = mixRate / 50
	pcm := make([]int16, f.call.scenario.Seconds*mixRate)
	for i, p := range f.call.parties {
		dec, err := codec.NewOpusDecoder()
		if err != nil {
			return nil, err
		}
		for n, fr := range p.sends[0].Frames {
			if len(fr.Data) == 0 {
				continue
			}
			sound, err := dec.Decode(fr.Data)
			if err != nil {
				return nil, err
			}
			if n/(50*turn)%len(f.call.parties) != i {
				continue
			}
			for k, x := range sound[:min(len(sound), len(pcm)-n*step)] {
				pcm[n*step+k] = int16(x * 32767)
			}
		}
	}
	return pcm, nil
}
