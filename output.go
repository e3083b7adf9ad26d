package callreel

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/avc"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/internal/still"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

// keyInterval is the longest time between key frames.
const keyInterval = 4 * timebase.Second

// output encodes the frames and the mix and has them written as chunks. Frames
// are numbered and samples counted from the start of the recording.
type output struct {
	cfg      RecordingConfig
	frameLen timebase.Ticks
	venc     *codec.VideoEncoder
	aenc     *codec.AACEncoder
	first    int64        // number of the first frame
	given    []int64      // those that the encoder has got, from that which comes out next on
	newest   int64        // of these, also if it has come out
	held     muxer.Sample // that came out, until it is known how long it lasts
	holds    bool         // there is one; its memory is for the next one too
	forward  bool         // the newest given is not a B-frame
	gap      bool         // frames were left out since the newest key frame
	key      int64        // number of that
	pcm      []int16      // less than a frame of AAC
	samples  int64        // position of pcm
	open     openChunk
	secured
	probe *probe.Probe
	standing
	*writer
	unavailable error // why the encoder that was asked for is not used
}

// openChunk is the newest chunk as its samples tell, however far writing is: so
// where files are cut depends on what is in them alone.
type openChunk struct {
	start        timebase.Ticks
	bytes        int64          // about
	video, audio timebase.Ticks // positions of the newest samples
}

// What a chunk has besides its samples' data, about, and for each of these.
const (
	chunkOverhead  = 2 << 10
	sampleOverhead = 16
)

// chunkBytes counts what goes into a chunk.
type chunkBytes struct {
	start        timebase.Ticks
	reason       string // why it ended; empty: with the recording
	video, audio int64
}

// Why a chunk ended, in the words of ACS.
const (
	chunkSessionEnded = "SessionEnded"
	chunkFullSize     = "ChunkMaximumSizeExceeded"
	chunkFullTime     = "ChunkMaximumTimeExceeded"
	chunkInterrupted  = string(EndInterrupted) // there is no word for it
)

// newOutput opens the encoders. The files are made when they begin.
func newOutput(cfg RecordingConfig, start time.Time, from origin, files chunkFiles) (*output, error) {
	pos := from.position(cfg)
	o := &output{
		cfg: cfg, frameLen: cfg.frameLen(),
		first: from.frame, key: from.frame, samples: from.sample(cfg),
		open:     openChunk{start: pos, bytes: chunkOverhead, video: pos, audio: pos},
		standing: standing{changed: from.frame}, secured: secured{upTo: from.frame},
		writer: &writer{
			files: files, interval: cfg.SyncInterval,
			chunks: make([]chunkBytes, from.chunk+1),
			outage: outage{kept: from.chunk, end: pos},
			seen:   progress{now: pos, written: pos},
		},
	}
	o.chunks[from.chunk].start = pos
	if err := o.prepare(start, from); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *output) prepare(start time.Time, from origin) (err error) {
	if err := o.openVideo(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if o.aenc, err = codec.NewAACEncoder(mixRate, int64(o.cfg.AudioBitRate)); err != nil {
		return err
	}
	video, err := o.videoTrack()
	if err != nil {
		return err
	}
	o.heard = o.samples - int64(o.aenc.Priming())
	audio := &muxer.AudioTrack{Config: o.aenc.Config(), SampleRate: mixRate, BitRate: o.cfg.AudioBitRate}
	o.tracks = muxer.Config{
		Video: video, Audio: audio, Created: start,
		Start: int64(from.position(o.cfg)), Index: from.chunk,
		FragmentDuration: int64(timebase.FromDuration(o.cfg.FragmentDuration)), NoSync: o.cfg.SyncInterval != 0,
	}
	o.mux, err = muxer.New(o.tracks, o.create)
	return err
}

// openVideo opens the encoder of pictures: libx264 if the one that was asked for
// is not to be had at present.
func (o *output) openVideo() (err error) {
	o.venc, err = codec.NewVideoEncoder(o.videoConfig())
	if errors.Is(err, codec.ErrUnavailable) && o.cfg.Video.Encoder != libx264 {
		o.unavailable = err
		o.cfg.Video = VideoSettings{Encoder: libx264, Quality: o.cfg.Video.Quality} // the options were the other's
		o.venc, err = codec.NewVideoEncoder(o.videoConfig())
	}
	return err
}

func (o *output) videoConfig() codec.VideoEncoderConfig {
	return codec.VideoEncoderConfig{
		Encoder: o.cfg.Video.Encoder, Options: o.cfg.Video.EncoderOptions(),
		Width: o.cfg.Width, Height: o.cfg.Height, FrameRate: o.cfg.FrameRate,
		KeyInterval: int(keyInterval / o.frameLen), GlobalHeader: true,
	}
}

func (o *output) videoTrack() (*muxer.VideoTrack, error) {
	header := o.venc.Header()
	sps := avc.ExtractNalusOfTypeFromByteStream(avc.NALU_SPS, header, false)
	pps := avc.ExtractNalusOfTypeFromByteStream(avc.NALU_PPS, header, false)
	if len(sps) == 0 || len(pps) == 0 {
		return nil, fmt.Errorf("%s gave no parameter sets", o.cfg.Video.Encoder)
	}
	o.repeater, _ = still.New(sps, pps) // nil if they can't be repeated: then all frames are encoded
	return &muxer.VideoTrack{
		Width: o.cfg.Width, Height: o.cfg.Height, SPS: sps, PPS: pps,
		// As the encoder is told: BT.709 primaries and transfer, BT.601 matrix.
		Colour:      muxer.Colour{Primaries: 1, Transfer: 1, Matrix: 6},
		DecodeDelay: int64(o.venc.DecodeDelay()) * int64(o.frameLen),
	}, nil
}

// video takes frame n.
func (o *output) video(canvas *image.YCbCr, n int64, of frameKind) error {
	cut, err := o.rotate(timebase.Ticks(n) * o.frameLen)
	if err != nil {
		return err
	}
	if of == usual || of == sparse {
		o.changed = n
	}
	due, stood := n-o.key >= int64(keyInterval/o.frameLen), o.still || o.anew
	if o.stands(n, cut || due) {
		return o.repeat(n, cut || due)
	}
	key := cut || n == o.first || stood || o.settled(n, of)
	if due { // the encoder counts those that it is given
		o.key, key = n, key || o.gap
	}
	if of == repeated && !key && o.mayOmit(n) {
		o.gap = true
		return nil
	}
	if key {
		o.key, o.gap, o.anew = n, false, false
	}
	return o.encode(canvas, n, key, of)
}

// encode encodes frame n.
func (o *output) encode(canvas *image.YCbCr, n int64, key bool, of frameKind) error {
	if err := o.release(n); err != nil {
		return err
	}
	free := !key && (of == usual || of == unchanged) // to be a B-frame
	o.given, o.newest, o.forward = append(o.given, n), n, !free
	if err := o.differ(canvas, n); err != nil {
		return err
	}
	was := o.probe.Enter(probe.EncodeVideo)
	packets, err := o.press(canvas, n, key, free)
	o.probe.Enter(was)
	if err != nil {
		return err
	}
	return o.writeVideo(packets)
}

// press gives frame n to the encoder. Only if it is free to may it make a B-frame.
func (o *output) press(canvas *image.YCbCr, n int64, key, free bool) ([]codec.Packet, error) {
	if free || key {
		return o.venc.Encode(canvas, n, key)
	}
	return o.venc.EncodeForward(canvas, n)
}

// frameKind says what a frame is like.
type frameKind int

const (
	usual     frameKind = iota
	unchanged           // the picture is that of the frame before
	sparse              // those after it may be repeated
	repeated            // likewise unchanged, and may be left out
)

// longestOmission is how long a picture may last: longer, and a crash would take
// more, as the encoder looks ahead by a number of pictures.
const longestOmission = timebase.Second / 2

// mayOmit reports whether frame n may be left out, so that the one before lasts
// longer: nothing that is shown before it may be coded after it.
func (o *output) mayOmit(n int64) bool {
	told := o.venc.DecodeDelay() == 0 || o.cfg.Video.Encoder == libx264
	return told && o.forward && timebase.Ticks(n+1-o.newest)*o.frameLen <= longestOmission
}

// rotate begins a new chunk at pos if the open one is full, or if there is none
// and writing works again.
func (o *output) rotate(pos timebase.Ticks) (cut bool, err error) {
	state := o.at(pos)
	if pos%sampleTicks != 0 || o.ending { // at some rates not each frame begins with a sample
		return false, nil
	}
	if state.cause != nil {
		return o.retry(pos, state)
	}
	reason := ""
	switch c := o.open; {
	case c.video < c.start || c.audio < c.start: // the last cut is not written yet
	case pos-c.start >= timebase.FromDuration(o.cfg.ChunkDuration):
		reason = chunkFullTime
	case c.bytes >= o.cfg.ChunkBytes:
		reason = chunkFullSize
	}
	if reason == "" {
		return false, nil
	}
	o.open = openChunk{start: pos, bytes: chunkOverhead, video: o.open.video, audio: o.open.audio}
	return true, o.put(func() error { return o.cut(pos, reason) })
}

// retry finds out whether writing works again, now and then, and begins a chunk
// once it does.
func (o *output) retry(pos timebase.Ticks, state progress) (began bool, err error) {
	if !state.works && !state.probing && !state.full && pos >= state.next {
		state = o.asked(o.test)
	}
	if !state.works || state.full {
		return false, nil
	}
	o.open = openChunk{start: pos, bytes: chunkOverhead, video: o.open.video, audio: o.open.audio}
	return true, o.asked(o.trying(func() error { return o.begin(pos) })).failed
}

// writeVideo takes what comes out of the encoder. Frames are decoded as far from
// each other as they are shown, in the order in which the encoder got them.
// Encoders disagree on the DTS of a stream that ends within the delay.
func (o *output) writeVideo(packets []codec.Packet) error {
	defer o.probe.Enter(o.probe.Enter(probe.Mux))
	for _, p := range packets {
		if p.Key {
			o.keys++
		}
		if p.PTS < o.since {
			continue
		}
		n := o.given[0]
		o.given = slices.Delete(o.given, 0, 1)
		o.hold(appendSample(o.held.Data[:0], p.Data), p.PTS, n, p.Key)
		if begun, err := o.stand(p); begun {
			return err
		}
		if len(o.given) == 0 { // the next is not known yet
			return nil
		}
		if err := o.release(o.given[0]); err != nil {
			return err
		}
	}
	return nil
}

// add counts a sample.
func (c *openChunk) add(pos timebase.Ticks, bytes int) {
	if pos >= c.start {
		c.bytes += int64(bytes) + sampleOverhead
	}
}

// audio takes the next samples of the mix.
func (o *output) audio(pcm []int16) error {
	o.pcm = append(o.pcm, pcm...)
	size := o.aenc.FrameSize()
	for len(o.pcm) >= size {
		if err := o.encodeAudio(size); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) encodeAudio(n int) error {
	was := o.probe.Enter(probe.EncodeAudio)
	packets, err := o.aenc.Encode(o.pcm[:n], o.samples)
	o.probe.Enter(was)
	if err != nil {
		return err
	}
	o.remember(o.pcm[:n])
	o.samples += int64(n)
	o.pcm = o.pcm[:copy(o.pcm, o.pcm[n:])]
	return o.writeAudio(packets)
}

func (o *output) writeAudio(packets []codec.Packet) error {
	defer o.probe.Enter(o.probe.Enter(probe.Mux))
	for _, p := range packets {
		s := muxer.Sample{Data: p.Data, PTS: p.PTS, Duration: int64(o.aenc.FrameSize())}
		o.open.audio, o.heard = timebase.FromRate(s.PTS, mixRate), s.PTS+s.Duration
		o.open.add(o.open.audio, len(s.Data))
		if err := o.putSample(sample{s, false}); err != nil {
			return err
		}
	}
	return nil
}

// finish flushes the encoders and closes the open chunk, which ends before frame
// number frames, as soon as everything is written. Whatever fails, the file is
// closed.
func (o *output) finish(frames int64) ([]doneChunk, error) {
	var errs []error
	if frames > o.first {
		errs = append(errs, o.flushVideo(frames), o.flushAudio())
	}
	o.stop()
	o.do(func() { errs = append(errs, o.end(timebase.Ticks(frames)*o.frameLen)) })
	return o.done(), errors.Join(errs...)
}

func (o *output) flushVideo(frames int64) error {
	o.repeater = nil // all comes out
	was := o.probe.Enter(probe.EncodeVideo)
	packets, err := o.venc.Flush()
	o.probe.Enter(was)
	return errors.Join(o.writeVideo(packets), o.release(frames), err)
}

// flushAudio pads the last frame with silence, which the file's end cuts off.
func (o *output) flushAudio() error {
	if size := o.aenc.FrameSize(); len(o.pcm) > 0 {
		o.pcm = append(o.pcm, make([]int16, size-len(o.pcm))...)
		if err := o.encodeAudio(size); err != nil {
			return err
		}
	}
	packets, err := o.aenc.Flush()
	return errors.Join(o.writeAudio(packets), err)
}

// close frees the encoders.
func (o *output) close() {
	if o.venc != nil {
		o.venc.Close()
	}
	if o.aenc != nil {
		o.aenc.Close()
	}
}
