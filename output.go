package callreel

import (
	"errors"
	"fmt"
	"image"
	"maps"
	"time"

	"github.com/Eyevinn/mp4ff/avc"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

// keyInterval is the longest time between key frames.
const keyInterval = 4 * timebase.Second

// output encodes the frames and the mix and writes them as chunks. Frames are
// numbered and samples counted from the start of the recording.
type output struct {
	cfg      RecordingConfig
	frameLen timebase.Ticks
	venc     *codec.VideoEncoder
	aenc     *codec.AACEncoder
	files    chunkFiles
	tracks   muxer.Config
	mux      *muxer.Muxer  // nil while nothing can be written
	first    int64         // number of the first frame
	given    []int64       // those that the encoder has got, from that which comes out next on
	newest   int64         // of these, also if it has come out
	held     *muxer.Sample // that came out, until it is known how long it lasts
	forward  bool          // the newest given is not a B-frame
	gap      bool          // frames were left out since the newest key frame
	key      int64         // number of that
	pcm      []int16       // less than a frame of AAC
	samples  int64         // position of pcm
	chunks   []chunkBytes  // those that were finished, and the open one, maybe with a cut ahead
	outage   outage
}

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
	o := &output{
		cfg: cfg, frameLen: cfg.frameLen(), files: files,
		first: from.frame, key: from.frame, samples: from.sample(cfg),
		chunks: make([]chunkBytes, from.chunk+1),
		outage: outage{kept: from.chunk, end: from.position(cfg)},
	}
	o.chunks[from.chunk].start = from.position(cfg)
	if err := o.open(start, from); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *output) open(start time.Time, from origin) (err error) {
	if o.venc, err = codec.NewVideoEncoder(o.videoConfig()); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if o.aenc, err = codec.NewAACEncoder(mixRate, int64(o.cfg.AudioBitRate)); err != nil {
		return err
	}
	video, err := o.videoTrack()
	if err != nil {
		return err
	}
	audio := &muxer.AudioTrack{Config: o.aenc.Config(), SampleRate: mixRate, BitRate: o.cfg.AudioBitRate}
	o.tracks = muxer.Config{
		Video: video, Audio: audio, Created: start,
		Start: int64(from.position(o.cfg)), Index: from.chunk,
	}
	o.mux, err = muxer.New(o.tracks, o.create)
	return err
}

func (o *output) videoConfig() codec.VideoEncoderConfig {
	options := o.cfg.Video.Options
	if o.cfg.Video.Encoder == "libx264" {
		options = maps.Clone(x264Options)
		maps.Copy(options, o.cfg.Video.Options)
	}
	return codec.VideoEncoderConfig{
		Encoder: o.cfg.Video.Encoder, Options: options,
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
	return &muxer.VideoTrack{
		Width: o.cfg.Width, Height: o.cfg.Height, SPS: sps, PPS: pps,
		// As the encoder is told: BT.709 primaries and transfer, BT.601 matrix.
		Colour:      muxer.Colour{Primaries: 1, Transfer: 1, Matrix: 6},
		DecodeDelay: int64(o.venc.DecodeDelay()) * int64(o.frameLen),
	}, nil
}

// video encodes frame n.
func (o *output) video(canvas *image.YCbCr, n int64, of frameKind) error {
	cut, err := o.rotate(timebase.Ticks(n) * o.frameLen)
	if err != nil {
		return err
	}
	key := cut || n == o.first
	if n-o.key >= int64(keyInterval/o.frameLen) { // the encoder counts those that it is given
		o.key, key = n, key || o.gap
	}
	if of == repeated && !key && o.mayOmit(n) {
		o.gap = true
		return nil
	}
	if key {
		o.key, o.gap = n, false
	}
	if err := o.release(n); err != nil {
		return err
	}
	o.given, o.newest = append(o.given, n), n
	o.forward = key || of != usual
	encode := o.venc.EncodeForward
	if of == usual || key {
		encode = func(img *image.YCbCr, n int64) ([]codec.Packet, error) { return o.venc.Encode(img, n, key) }
	}
	packets, err := encode(canvas, n)
	if err != nil {
		return err
	}
	return o.writeVideo(packets)
}

// frameKind says what a frame is like.
type frameKind int

const (
	usual    frameKind = iota
	sparse             // those after it may be repeated
	repeated           // the picture is that of the frame before
)

// longestOmission is how long a picture may last: longer, and a crash would take
// more, as the encoder looks ahead by a number of pictures.
const longestOmission = timebase.Second / 2

// mayOmit reports whether frame n may be left out, so that the one before lasts
// longer: nothing that is shown before it may be coded after it.
func (o *output) mayOmit(n int64) bool {
	told := o.venc.DecodeDelay() == 0 || o.cfg.Video.Encoder == "libx264"
	return told && o.forward && timebase.Ticks(n+1-o.newest)*o.frameLen <= longestOmission
}

// rotate begins a new chunk at pos if the open one is full, or if there is none
// and writing works again.
func (o *output) rotate(pos timebase.Ticks) (cut bool, err error) {
	o.outage.now = pos
	if pos%sampleTicks != 0 { // at some rates not each frame begins with a sample
		return false, nil
	}
	if o.mux == nil {
		return o.retry(pos)
	}
	last, cur := &o.chunks[len(o.chunks)-1], o.mux.Current()
	reason := ""
	switch {
	case timebase.Ticks(cur.Start) < last.start: // the last cut is not written yet
	case pos-last.start >= timebase.FromDuration(o.cfg.ChunkDuration):
		reason = chunkFullTime
	case cur.Bytes >= o.cfg.ChunkBytes:
		reason = chunkFullSize
	}
	if reason == "" {
		return false, nil
	}
	if err := o.mux.CutAt(int64(pos)); err != nil {
		return false, fmt.Errorf("begin a new chunk: %w", err)
	}
	last.reason = reason
	o.chunks = append(o.chunks, chunkBytes{start: pos})
	return true, nil
}

// writeVideo takes what comes out of the encoder. Frames are decoded as far from
// each other as they are shown, in the order in which the encoder got them.
// Encoders disagree on the DTS of a stream that ends within the delay.
func (o *output) writeVideo(packets []codec.Packet) error {
	for _, p := range packets {
		n := o.given[0]
		o.given = o.given[1:]
		o.held = &muxer.Sample{
			Data: avc.ConvertByteStreamToNaluSample(p.Data),
			PTS:  p.PTS * int64(o.frameLen),
			DTS:  (n - int64(o.venc.DecodeDelay())) * int64(o.frameLen),
			Key:  p.Key,
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

// release writes the sample that is held back, which lasts until frame next.
func (o *output) release(next int64) error {
	if o.held == nil {
		return nil
	}
	s := *o.held
	o.held = nil
	s.Duration = (next-int64(o.venc.DecodeDelay()))*int64(o.frameLen) - s.DTS
	if !o.writes(s) {
		return nil
	}
	o.chunkAt(timebase.Ticks(s.PTS)).video += int64(len(s.Data))
	if err := o.survive(o.mux.WriteVideo(s)); err != nil {
		return fmt.Errorf("write video: %w", err)
	}
	return nil
}

func (o *output) chunkAt(pos timebase.Ticks) *chunkBytes {
	i := len(o.chunks) - 1
	for i > 0 && pos < o.chunks[i].start {
		i--
	}
	return &o.chunks[i]
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
	packets, err := o.aenc.Encode(o.pcm[:n], o.samples)
	if err != nil {
		return err
	}
	o.samples += int64(n)
	o.pcm = o.pcm[:copy(o.pcm, o.pcm[n:])]
	return o.writeAudio(packets)
}

func (o *output) writeAudio(packets []codec.Packet) error {
	for _, p := range packets {
		s := muxer.Sample{Data: p.Data, PTS: p.PTS, Duration: int64(o.aenc.FrameSize())}
		if err := o.putAudio(s); err != nil {
			return err
		}
		o.outage.keep(s)
	}
	return nil
}

func (o *output) putAudio(s muxer.Sample) error {
	if o.mux == nil {
		return nil
	}
	o.chunkAt(timebase.FromRate(s.PTS, mixRate)).audio += int64(len(s.Data))
	if err := o.survive(o.mux.WriteAudio(s)); err != nil {
		return fmt.Errorf("write audio: %w", err)
	}
	return nil
}

// finish flushes the encoders and closes the open chunk, which ends before frame
// number frames. Whatever fails, the file is closed.
func (o *output) finish(frames int64) ([]muxer.Chunk, error) {
	var errs []error
	if frames > o.first {
		errs = append(errs, o.flushVideo(frames), o.flushAudio())
	}
	chunks, err := o.end(timebase.Ticks(frames) * o.frameLen)
	return chunks, errors.Join(append(errs, err)...)
}

func (o *output) flushVideo(frames int64) error {
	packets, err := o.venc.Flush()
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
