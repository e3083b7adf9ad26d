package codec

/*
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>

typedef struct {
	AVCodecContext *ctx;
	AVPacket *pkt;
	AVFrame *frame;
} cr_adec;

static void cr_adec_free(cr_adec *d) {
	if (!d) return;
	avcodec_free_context(&d->ctx);
	av_packet_free(&d->pkt);
	av_frame_free(&d->frame);
	free(d);
}

static cr_adec *cr_adec_new(const char *name, int rate) {
	const AVCodec *codec = avcodec_find_decoder_by_name(name);
	if (!codec) return NULL;
	cr_adec *d = calloc(1, sizeof *d);
	if (!d) return NULL;
	d->ctx = avcodec_alloc_context3(codec);
	d->pkt = av_packet_alloc();
	d->frame = av_frame_alloc();
	if (!d->ctx || !d->pkt || !d->frame) { cr_adec_free(d); return NULL; }
	d->ctx->sample_rate = rate;
	av_channel_layout_default(&d->ctx->ch_layout, 1);
	if (avcodec_open2(d->ctx, codec, NULL) < 0) { cr_adec_free(d); return NULL; }
	return d;
}

// cr_adec_decode returns the number of samples, all of them 16 bit, or an error.
static int cr_adec_decode(cr_adec *d, const void *data, int size, float *out, int room) {
	int rc = av_new_packet(d->pkt, size);
	if (rc < 0) return rc;
	memcpy(d->pkt->data, data, size);
	rc = avcodec_send_packet(d->ctx, d->pkt);
	av_packet_unref(d->pkt);
	if (rc < 0) return rc;
	int n = 0;
	while ((rc = avcodec_receive_frame(d->ctx, d->frame)) >= 0) {
		if (d->frame->format != AV_SAMPLE_FMT_S16 && d->frame->format != AV_SAMPLE_FMT_S16P) return AVERROR_INVALIDDATA;
		const int16_t *in = (const int16_t *)d->frame->data[0];
		for (int i = 0; i < d->frame->nb_samples && n < room; i++) out[n++] = in[i] * (1.0f / 32768);
	}
	return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF ? n : rc;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// AudioDecoder decodes one stream to mono float32 in [-1, 1].
type AudioDecoder interface {
	// SampleRate of the decoded samples in Hz.
	SampleRate() int
	// Decode decodes one packet. The samples are valid until the next call.
	Decode(packet []byte) ([]float32, error)
	// Conceal makes up samples for a gap; next is the packet after it, or nil.
	// A codec without concealment returns no samples.
	Conceal(samples int, next []byte) ([]float32, error)
	// Close frees the decoder.
	Close()
}

var (
	_ AudioDecoder = (*OpusDecoder)(nil)
	_ AudioDecoder = (*waveDecoder)(nil)
)

// NewAudioDecoder returns a decoder for an RTP media type (audio/opus,
// audio/PCMU, audio/PCMA, audio/G722) in any letter case. It fails with
// [ErrUnknown] for any other codec.
func NewAudioDecoder(mimeType string) (AudioDecoder, error) {
	switch strings.ToLower(mimeType) {
	case "audio/opus":
		return NewOpusDecoder()
	case "audio/pcmu":
		return newWaveDecoder("pcm_mulaw", 8000)
	case "audio/pcma":
		return newWaveDecoder("pcm_alaw", 8000)
	case "audio/g722":
		return newWaveDecoder("g722", 16000)
	}
	return nil, fmt.Errorf("%w audio codec %q", ErrUnknown, mimeType)
}

// maxWavePacket bounds a packet of a waveform codec, in bytes.
const maxWavePacket = 2048

// waveDecoder decodes the waveform codecs G.711 and G.722 through libavcodec.
type waveDecoder struct {
	c    *C.cr_adec
	rate int
	buf  []float32
}

func newWaveDecoder(name string, rate int) (*waveDecoder, error) {
	quiet()
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	c := C.cr_adec_new(n, C.int(rate))
	if c == nil {
		return nil, fmt.Errorf("%w: libavcodec has no decoder %q", ErrUnknown, name)
	}
	return &waveDecoder{c: c, rate: rate, buf: make([]float32, 2*maxWavePacket)}, nil
}

func (d *waveDecoder) SampleRate() int { return d.rate }

func (d *waveDecoder) Decode(packet []byte) ([]float32, error) {
	if d.c == nil {
		return nil, ErrClosed
	}
	if len(packet) == 0 || len(packet) > maxWavePacket {
		return nil, fmt.Errorf("%w: audio packet of %d bytes", ErrCorrupt, len(packet))
	}
	rc := C.cr_adec_decode(d.c, unsafe.Pointer(&packet[0]), C.int(len(packet)),
		(*C.float)(unsafe.Pointer(&d.buf[0])), C.int(len(d.buf)))
	runtime.KeepAlive(packet)
	if rc < 0 {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, avError("decode audio", rc))
	}
	return d.buf[:rc], nil
}

func (d *waveDecoder) Conceal(int, []byte) ([]float32, error) { return nil, nil }

func (d *waveDecoder) Close() {
	C.cr_adec_free(d.c)
	d.c = nil
}
