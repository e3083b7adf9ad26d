package simulate

import (
	"fmt"
	"math"
	"strings"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/resample"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

const (
	opusBitRate = 24000 // bit/s
	// opusDelay and g722Delay are by how much libopus and the filters of G.722
	// delay sound, coding and decoding together.
	opusDelay = 312
	g722Delay = 66
)

// audioCodec is all that differs from one audio codec to another. Packets have
// audioFrame of sound.
type audioCodec struct {
	name, mime, fmtp string
	payloadType      webrtc.PayloadType
	clock            uint32
	channels         uint16
	payloader        rtp.Payloader
	dtx              bool // it can leave out silence
	open             func(mime string, dtx bool) (audioEncoder, error)
	delay            timebase.Ticks // that the codec itself adds
}

// audioEncoder encodes frames of 48 kHz mono.
type audioEncoder interface {
	Encode(pcm []int16) ([]byte, error)
	// Delay is by how much the encoder's resampler delays sound.
	Delay() timebase.Ticks
	Close()
}

func audioCodecs() []audioCodec {
	return []audioCodec{
		{
			name: "opus", mime: webrtc.MimeTypeOpus, fmtp: "minptime=10;useinbandfec=1", payloadType: 111, clock: 48000, channels: 2,
			payloader: &codecs.OpusPayloader{}, dtx: true, open: openOpus, delay: opusDelay,
		},
		{name: "pcmu", mime: webrtc.MimeTypePCMU, payloadType: rtp.PayloadTypePCMU, clock: 8000, payloader: &codecs.G711Payloader{}, open: openWave},
		{name: "pcma", mime: webrtc.MimeTypePCMA, payloadType: rtp.PayloadTypePCMA, clock: 8000, payloader: &codecs.G711Payloader{}, open: openWave},
		// The clock of G.722 is half its sampling rate: RFC 3551 section 4.5.2.
		{name: "g722", mime: webrtc.MimeTypeG722, payloadType: rtp.PayloadTypeG722, clock: 8000, payloader: &codecs.G722Payloader{}, open: openWave, delay: g722Delay},
	}
}

func audioCodecByName(name string) (audioCodec, error) {
	for _, c := range audioCodecs() {
		if strings.EqualFold(c.name, name) {
			return c, nil
		}
	}
	return audioCodec{}, fmt.Errorf("%w: audio codec %q", ErrConfig, name)
}

func (c audioCodec) parameters() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: c.mime, ClockRate: c.clock, Channels: c.channels, SDPFmtpLine: c.fmtp,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBNACK}},
		},
		PayloadType: c.payloadType,
	}
}

// opusEncoder takes 48 kHz as it is.
type opusEncoder struct{ *codec.OpusEncoder }

func openOpus(_ string, dtx bool) (audioEncoder, error) {
	enc, err := codec.NewOpusEncoder(1, opusBitRate, dtx)
	if err != nil {
		return nil, err
	}
	return opusEncoder{enc}, nil
}

func (opusEncoder) Delay() timebase.Ticks { return 0 }

// Close does nothing: the encoder's memory is Go's.
func (opusEncoder) Close() {}

// waveEncoder brings 48 kHz down to what G.711 and G.722 take.
type waveEncoder struct {
	*codec.WaveEncoder
	down     *resample.Resampler
	in, out  []float32
	narrowed []int16
}

func openWave(mime string, _ bool) (audioEncoder, error) {
	rate := 8000
	if mime == webrtc.MimeTypeG722 {
		rate = 16000
	}
	down, err := resample.New(timebase.Second, rate)
	if err != nil {
		return nil, err
	}
	enc, err := codec.NewWaveEncoder(mime, int(audioFrame)*rate/timebase.Second)
	if err != nil {
		return nil, err
	}
	e := &waveEncoder{WaveEncoder: enc, down: down}
	e.out = down.Process(nil, make([]float32, down.Delay())) // from now on each frame makes a whole one
	return e, nil
}

func (e *waveEncoder) Encode(pcm []int16) ([]byte, error) {
	e.in, e.narrowed = e.in[:0], e.narrowed[:0]
	for _, x := range pcm {
		e.in = append(e.in, float32(x))
	}
	e.out = e.down.Process(e.out[:0], e.in)
	for _, x := range e.out {
		e.narrowed = append(e.narrowed, int16(math.RoundToEven(float64(min(max(x, math.MinInt16), math.MaxInt16)))))
	}
	return e.WaveEncoder.Encode(e.narrowed)
}

func (e *waveEncoder) Delay() timebase.Ticks { return timebase.Ticks(e.down.Delay()) }
