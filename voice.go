package callreel

import (
	"slices"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/resample"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/mixer"
)

const (
	// maxConceal bounds the sound that is made up for lost packets, in samples
	// of the mix: beyond 120 ms concealment only buzzes.
	maxConceal = codec.MaxOpusFrame
	// maxDrift bounds the stretching that brings a voice back to its position.
	maxDrift = 1_000_000 / timebase.SlewDivisor // parts per million
	// deadBand is the error of position that is left alone, in samples: 0.5 ms.
	deadBand = mixRate / 2000
	// jump is the error beyond which a voice is moved at once, in samples.
	jump = int64(timebase.JumpLimit / sampleTicks)
)

// voice is an audio track's way into the mix.
type voice struct {
	feed    feed
	dec     codec.AudioDecoder
	opus    bool
	rate    *resample.Resampler
	in      *mixer.Input
	next    int64 // position in the mix of the next sample
	held    int64 // samples of the mix that rate holds back
	rtp     int64 // timestamp that follows the last packet
	frame   int64 // samples of the mix in the last packet
	running bool  // false after a gap
	buf     []float32
	silence []float32

	health    health
	beat      pulse // of this tick
	stats     decodeStats
	concealed spans
	missing   spans
	recovered int64 // samples of the mix from redundancy
	offsets   deviation
	moves     uint64
}

// decodeStats counts what came of a track's units.
type decodeStats struct{ decoded, errors uint64 }

// silenceLevel is what counts as silence: nothing beyond -70 dBFS.
const silenceLevel = 0.000316

func newVoice(l *layer, m *mixer.Mixer) (*voice, error) {
	dec, err := codec.NewAudioDecoder(l.info.MimeType)
	if err != nil {
		return nil, err
	}
	rate, err := resample.New(dec.SampleRate(), mixRate)
	if err != nil {
		return nil, err
	}
	return &voice{
		feed: feed{layer: l}, dec: dec, opus: l.info.MimeType == "audio/opus", rate: rate, in: m.Add(),
		silence: make([]float32, rate.Delay()),
	}, nil
}

// play decodes one packet into the mix; pos is where its first sample belongs.
func (v *voice) play(u ingest.Unit, pos int64) {
	v.bridge(u, pos)
	pcm, err := v.dec.Decode(u.Data)
	if err != nil {
		v.stats.errors++
		v.stop()
		return
	}
	v.stats.decoded++
	v.beat.decoded = true
	v.beat.loud = v.beat.loud || loud(pcm)
	v.write(pcm)
	v.frame = v.mixed(len(pcm))
	v.rtp = u.RTP + v.clock(v.frame)
}

func loud(pcm []float32) bool {
	return slices.ContainsFunc(pcm, func(x float32) bool { return x > silenceLevel || x < -silenceLevel })
}

// mixed converts decoded samples to samples of the mix.
func (v *voice) mixed(n int) int64 {
	return timebase.Convert(int64(n), timebase.Rate(v.dec.SampleRate()), mixRate)
}

// clock converts samples of the mix to units of the RTP clock.
func (v *voice) clock(n int64) int64 {
	return timebase.Convert(n, mixRate, timebase.Rate(v.feed.layer.info.ClockRate))
}

// bridge prepares for a packet: it conceals what was lost before it, steers
// towards where it belongs, or starts anew there.
func (v *voice) bridge(u ingest.Unit, pos int64) {
	gap := timebase.Convert(u.RTP-v.rtp, timebase.Rate(v.feed.layer.info.ClockRate), mixRate)
	if v.running && u.Lost > 0 && gap > 0 && gap <= maxConceal {
		v.conceal(gap, u.Data)
		gap = 0
	}
	off := pos - (v.next + v.held)
	if v.running && gap == 0 && off <= jump && off >= -jump {
		v.offsets.add(off)
		v.steer(off)
		return
	}
	if v.running && u.Lost > 0 {
		v.missing.add(ticks(v.next+v.held), ticks(pos))
	}
	v.stop()
	v.moves++
	v.running, v.next = true, pos
	v.rate.SetDrift(0)
}

// ticks converts a position in the mix to a session position.
func ticks(sample int64) timebase.Ticks { return timebase.Ticks(sample) * sampleTicks }

// steer stretches or squeezes so that an error of off samples is gone in about 2 s.
func (v *voice) steer(off int64) {
	if off <= deadBand && off >= -deadBand {
		v.rate.SetDrift(0)
		return
	}
	ppm := -off * 1_000_000 / (2 * mixRate)
	v.rate.SetDrift(int32(min(max(ppm, -maxDrift), maxDrift)))
}

// conceal makes up n samples of the mix for lost packets; the last of them come
// from the next packet's redundancy, if it has any.
func (v *voice) conceal(n int64, next []byte) {
	for n > 0 {
		part := min(n, max(v.frame, 1))
		var from []byte
		if n <= v.frame && v.opus && codec.OpusRedundant(next) {
			from = next
			v.recovered += part
		} else {
			v.concealed.add(ticks(v.next+v.held), ticks(v.next+v.held+part))
		}
		samples := timebase.Convert(part, mixRate, timebase.Rate(v.dec.SampleRate()))
		pcm, err := v.dec.Conceal(int(samples), from)
		if err != nil {
			v.stats.errors++
			v.stop()
			return
		}
		v.write(pcm)
		n -= part
	}
}

func (v *voice) write(pcm []float32) {
	v.buf = v.rate.Process(v.buf[:0], pcm)
	v.in.WriteAt(v.next, v.buf)
	v.next += int64(len(v.buf))
	v.held = v.mixed(v.rate.Delay())
}

// stop brings out what is held back; the next packet starts anew.
func (v *voice) stop() {
	if v.running {
		v.write(v.silence)
	}
	v.rate.Reset()
	v.running, v.held = false, 0
}

func (v *voice) close() {
	v.stop()
	v.in.Remove()
	v.dec.Close()
}

// report tells what came of the track.
func (v *voice) report() TrackReport {
	l := v.feed.layer
	r := l.describe(v.stats)
	r.Layers = []LayerStats{l.stats()}
	r.Sound = &SoundReport{
		Concealed: v.concealed.report(), Missing: v.missing.report(),
		Recovered:  ticks(v.recovered).Duration(),
		MeanOffset: v.offsets.mean(), P95Offset: v.offsets.p95(), Moves: v.moves,
	}
	return r
}
