package callreel

import (
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
	// concealStep is what Opus makes up at a time, 2.5 ms.
	concealStep = codec.MaxOpusFrame / 48
	// slack is the gap or overlap of time stamps that is steered away, 10 ms.
	slack = mixRate / 100
	// jump is the error beyond which a voice is moved at once, in samples.
	jump = int64(timebase.JumpLimit / sampleTicks)
)

// voice is an audio track's way into the mix.
type voice struct {
	feed    feed
	dec     codec.AudioDecoder
	opus    bool
	rate    *resample.Resampler
	steer   steering
	mixer   *mixer.Mixer
	in      *mixer.Input
	next    int64 // position in the mix of the next sample
	former  int64 // where the inputs end that others took over from
	held    int64 // samples of the mix that rate holds back
	rtp     int64 // timestamp that follows the last packet
	frame   int64 // samples of the mix in the last packet
	running bool  // false after a gap
	buf     []float32
	silence []float32

	health    health
	beat      pulse // of this tick
	budget    *budget
	stats     decodeStats
	concealed spans
	missing   spans
	recovered int64 // samples of the mix from redundancy
	offsets   deviation
	moves     uint64
}

// decodeStats counts what came of a track's units.
type decodeStats struct {
	decoded, errors    uint64
	oversize, withheld uint64 // left out for the limits
}

// excess is how many were left out.
func (d decodeStats) excess() uint64 { return d.oversize + d.withheld }

// filters are those from a sample rate to that of the mix, which voices share.
type filters map[int]*resample.Filter

func (f filters) resampler(rate int) (*resample.Resampler, error) {
	if f[rate] == nil {
		made, err := resample.NewFilter(rate, mixRate)
		if err != nil {
			return nil, err
		}
		f[rate] = made
	}
	return f[rate].New(), nil
}

func newVoice(l *layer, m *mixer.Mixer, f filters) (*voice, error) {
	dec, err := codec.NewAudioDecoder(l.info.MimeType)
	if err != nil {
		return nil, err
	}
	rate, err := f.resampler(dec.SampleRate())
	if err != nil {
		dec.Close()
		return nil, err
	}
	return &voice{
		feed: feed{layer: l}, dec: dec, opus: l.info.MimeType == "audio/opus", rate: rate, mixer: m, in: m.Add(),
		silence: make([]float32, rate.Delay()),
	}, nil
}

// lag returns how far beyond its time a voice is to be pulled: by what the
// resampler holds back, and by how much the voice is behind.
func (v *voice) lag() timebase.Ticks {
	return ticks(v.mixed(v.rate.Delay()) + max(v.steer.off, 0))
}

// play decodes the sound that was pulled, of a tick, which bounds how much it is.
func (s *session) play(v *voice) {
	if len(v.feed.due) == 0 {
		return
	}
	defer v.budget.end(v.budget.begin())
	for _, u := range v.feed.due {
		if pos, recorded := s.timeline.position(u.at); recorded {
			v.play(u.Unit, int64(pos/sampleTicks), int64(s.timeline.left(u.at)/sampleTicks))
		}
	}
}

// play decodes one packet into the mix; pos is where its first sample belongs.
// What comes after room samples of the mix was captured in a pause.
func (v *voice) play(u ingest.Unit, pos, room int64) {
	if v.budget.exhausted() {
		v.stats.withheld++
		v.stop()
		return
	}
	if !v.bridge(u, pos) {
		v.stats.withheld++
		return
	}
	pcm, err := v.dec.Decode(u.Data)
	if err != nil {
		v.stats.errors++
		v.stop()
		return
	}
	v.stats.decoded++
	v.frame = v.mixed(len(pcm))
	v.rtp = u.RTP + v.clock(v.frame)
	cut := room < v.frame
	if cut {
		pcm = pcm[:v.decoded(room)]
	}
	v.beat.decoded = true
	v.beat.loud = v.beat.loud || !codec.Silent(pcm)
	at := v.next
	if late := v.write(pcm); late > 0 {
		v.missing.add(ticks(max(at, 0)), ticks(at+int64(late)))
	}
	if cut {
		v.stop()
		v.renew()
	}
}

// renew forgets what the decoder has heard in a pause, or it would echo after it.
func (v *voice) renew() {
	dec, err := codec.NewAudioDecoder(v.feed.layer.info.MimeType)
	if err != nil {
		v.stats.errors++
		return
	}
	v.dec.Close()
	v.dec = dec
}

// mixed converts decoded samples to samples of the mix.
func (v *voice) mixed(n int) int64 {
	return timebase.Convert(int64(n), timebase.Rate(v.dec.SampleRate()), mixRate)
}

// decoded converts samples of the mix to decoded ones.
func (v *voice) decoded(n int64) int64 {
	return timebase.Convert(n, mixRate, timebase.Rate(v.dec.SampleRate()))
}

// clock converts samples of the mix to units of the RTP clock.
func (v *voice) clock(n int64) int64 {
	return timebase.Convert(n, mixRate, timebase.Rate(v.feed.layer.info.ClockRate))
}

// bridge prepares for a packet: it conceals what was lost before it, steers
// towards where it belongs, or starts anew there. It reports false for sound of a
// time that has been heard twice already: what is heard more often drowns out the others.
func (v *voice) bridge(u ingest.Unit, pos int64) bool {
	gap := timebase.Convert(u.RTP-v.rtp, timebase.Rate(v.feed.layer.info.ClockRate), mixRate)
	if v.running && u.Lost > 0 && gap > 0 && gap <= maxConceal {
		v.conceal(gap-gap%concealStep, u.Data)
		gap = 0
	}
	off := pos - (v.next + v.held)
	if v.running && gap <= slack && gap >= -slack && off <= jump && off >= -jump {
		v.offsets.add(off)
		v.rate.SetDrift(v.steer.drift(off, v.frame))
		return true
	}
	if pos < min(v.next, v.former) {
		return false
	}
	if v.running && u.Lost > 0 {
		v.missing.add(ticks(v.next+v.held), ticks(pos))
	}
	v.stop()
	v.start(pos)
	return true
}

// start begins at pos. Where that is before the end of what is written, which
// must not be cut off in mid-wave, another input takes over.
func (v *voice) start(pos int64) {
	if pos < v.next {
		v.former = v.next
		v.in.Remove()
		v.in = v.mixer.Add()
	}
	v.moves++
	v.running, v.next = true, pos
	v.rate.SetDrift(v.steer.drift(0, 0))
}

// ticks converts a position in the mix to a session position.
func ticks(sample int64) timebase.Ticks { return timebase.Ticks(sample) * sampleTicks }

// conceal makes up n samples of the mix for lost packets; the last of them come
// from the next packet's redundancy, if it has any. Where nothing can be made
// up, the voice stops.
func (v *voice) conceal(n int64, next []byte) {
	for n > 0 {
		part := min(n, max(v.frame, concealStep))
		var from []byte
		if n <= v.frame && v.opus && codec.OpusRedundant(next) {
			from = next
		}
		pcm, err := v.dec.Conceal(int(v.decoded(part)), from)
		if err != nil {
			v.stats.errors++
		}
		at := v.next + v.held
		switch {
		case len(pcm) == 0:
			v.missing.add(ticks(at), ticks(at+n))
			v.stop()
			return
		case from != nil:
			v.recovered += part
		default:
			v.concealed.add(ticks(at), ticks(at+part))
		}
		v.write(pcm)
		n -= part
	}
}

// write writes decoded samples into the mix, and returns how many samples of it came
// too late.
func (v *voice) write(pcm []float32) (late int) {
	v.buf = v.rate.Process(v.buf[:0], pcm)
	late = v.in.WriteAt(v.next, v.buf)
	v.next += int64(len(v.buf))
	v.held = v.mixed(v.rate.Delay())
	return late
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
		Recovered: ticks(v.recovered).Duration(), Overflowed: v.feed.overflowed,
		MeanOffset: v.offsets.mean(), P95Offset: v.offsets.p95(), Moves: v.moves,
	}
	return r
}
