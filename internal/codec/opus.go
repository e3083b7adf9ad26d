package codec

import (
	"fmt"

	"github.com/hraban/opus"

	"github.com/callreel/callreel/internal/opusframe"
)

// opusRate is that of decoded sound, in Hz.
const opusRate = 16000

// MaxOpusFrame is the longest Opus packet, 120 ms (RFC 6716 section 2.1.4), in
// samples at 16 kHz.
const MaxOpusFrame = 1920

// DTXSize is the size in bytes up to which an Opus packet only announces silence,
// and need not be sent (RFC 6716 section 2.1.9).
const DTXSize = 2

// OpusDecoder decodes Opus (RFC 6716) to mono at 16 kHz, which libopus does
// natively: stereo is downmixed to (left + right)/2, and nothing above 8 kHz is
// computed. Of whoever has been silent for half a second nothing is heard, nor is it
// decoded as far as that can be foreseen, until something is louder than -70 dBFS.
type OpusDecoder struct {
	dec     *opus.Decoder
	buf     []float32
	low     []byte // the packet without what is above 8 kHz
	silence opusSilence
}

// NewOpusDecoder returns a decoder.
func NewOpusDecoder() (*OpusDecoder, error) {
	dec, err := opus.NewDecoder(opusRate, 1)
	if err != nil {
		return nil, fmt.Errorf("codec: open opus: %w", err)
	}
	return &OpusDecoder{dec: dec, buf: make([]float32, MaxOpusFrame), silence: newOpusSilence()}, nil
}

// SampleRate returns 16000.
func (d *OpusDecoder) SampleRate() int { return opusRate }

// Decode decodes one packet. The samples are valid until the next call.
func (d *OpusDecoder) Decode(packet []byte) ([]float32, error) {
	if n := d.silence.spare(packet); n > 0 {
		clear(d.buf[:n])
		return d.buf[:n], nil
	}
	d.silence.warm(packet, func(packet []byte) { _, _ = d.decode(packet) }) // only for what it leaves
	n, err := d.decode(packet)
	if err != nil {
		d.silence.unsettle()
		return nil, err
	}
	if d.silence.heard(packet, d.buf[:n]); d.silence.background() {
		clear(d.buf[:n])
	}
	return d.buf[:n], nil
}

// decode decodes a packet into buf.
func (d *OpusDecoder) decode(packet []byte) (samples int, err error) {
	if low, ok := opusframe.Wideband(d.low[:0], packet); ok {
		packet, d.low = low, low
	}
	if samples, err = d.dec.DecodeFloat32(packet, d.buf); err != nil {
		return 0, fmt.Errorf("%w: opus: %w", ErrCorrupt, err)
	}
	return samples, nil
}

// Conceal makes up samples (a multiple of 40, at most MaxOpusFrame) for lost
// packets. If next, the packet after the gap, is not nil, its in-band FEC is
// used where it has any. The samples are valid until the next call.
func (d *OpusDecoder) Conceal(samples int, next []byte) ([]float32, error) {
	if samples <= 0 || samples > MaxOpusFrame {
		return nil, fmt.Errorf("codec: conceal %d samples", samples)
	}
	d.silence.unsettle()
	pcm := d.buf[:samples:samples] // the decoder fills the capacity
	var err error
	if next != nil {
		err = d.dec.DecodeFECFloat32(next, pcm)
	} else {
		err = d.dec.DecodePLCFloat32(pcm)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: opus concealment: %w", ErrCorrupt, err)
	}
	return pcm, nil
}

// Close does nothing: the decoder's memory is Go's.
func (d *OpusDecoder) Close() {}

// OpusEncoder encodes mono or stereo sound at 48 kHz with in-band FEC, for
// simulated participants.
type OpusEncoder struct {
	enc *opus.Encoder
	buf []byte
}

// NewOpusEncoder returns an encoder for speech at bitRate bit/s.
func NewOpusEncoder(channels, bitRate int, dtx bool) (*OpusEncoder, error) {
	enc, err := opus.NewEncoder(48000, channels, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("codec: open opus: %w", err)
	}
	for _, err := range []error{
		enc.SetBitrate(bitRate), enc.SetInBandFEC(true), enc.SetPacketLossPerc(10), enc.SetDTX(dtx), enc.SetComplexity(3),
	} {
		if err != nil {
			return nil, fmt.Errorf("codec: set up opus: %w", err)
		}
	}
	return &OpusEncoder{enc: enc, buf: make([]byte, 1275)}, nil
}

// Encode encodes one frame of 2.5 to 60 ms of interleaved samples. The packet
// is owned by the caller; one of at most DTXSize bytes need not be sent.
func (e *OpusEncoder) Encode(pcm []int16) ([]byte, error) {
	n, err := e.enc.Encode(pcm, e.buf)
	if err != nil {
		return nil, fmt.Errorf("codec: encode opus: %w", err)
	}
	return append([]byte(nil), e.buf[:n]...), nil
}

func opusVersion() string { return opus.Version() }
