package codec

/*
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include "encoder.h"

static void cr_wenc_setup(cr_enc *e, int rate, int frame) {
	AVCodecContext *c = e->ctx;
	c->sample_rate = rate;
	c->sample_fmt = AV_SAMPLE_FMT_S16;
	c->time_base = (AVRational){1, rate};
	c->frame_size = frame;
	av_channel_layout_default(&c->ch_layout, 1);
}

static int cr_wenc_send(cr_enc *e, const int16_t *pcm, int n) {
	int rc;
	AVFrame *f = cr_enc_sound(e, n, &rc);
	if (rc < 0) return rc;
	memcpy(f->data[0], pcm, n * sizeof *pcm);
	return avcodec_send_frame(e->ctx, f);
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// WaveEncoder encodes mono sound with G.711 or G.722, for simulated participants.
type WaveEncoder struct {
	c     *C.cr_enc
	rate  int
	frame int
	coded
}

// NewWaveEncoder returns an encoder of packets of frame samples, an even number
// up to 2048, for an RTP media type (audio/PCMU, audio/PCMA, audio/G722) in any
// letter case. It fails with [ErrUnknown] for any other codec.
func NewWaveEncoder(mimeType string, frame int) (*WaveEncoder, error) {
	if frame <= 0 || frame > maxWavePacket || frame%2 != 0 {
		return nil, fmt.Errorf("codec: audio packets of %d samples", frame)
	}
	switch strings.ToLower(mimeType) {
	case "audio/pcmu":
		return openWaveEncoder("pcm_mulaw", 8000, frame)
	case "audio/pcma":
		return openWaveEncoder("pcm_alaw", 8000, frame)
	case "audio/g722":
		return openWaveEncoder("g722", 16000, frame)
	}
	return nil, fmt.Errorf("%w audio encoder %q", ErrUnknown, mimeType)
}

func openWaveEncoder(name string, rate, frame int) (*WaveEncoder, error) {
	c, codec, err := findEncoder(name)
	if err != nil {
		return nil, err
	}
	C.cr_wenc_setup(c, C.int(rate), C.int(frame))
	if err := openEncoder(c, codec, nil); err != nil {
		C.cr_enc_free(c)
		return nil, fmt.Errorf("codec: open %s: %w", name, err)
	}
	return &WaveEncoder{c: c, rate: rate, frame: frame}, nil
}

// SampleRate returns that of what Encode takes, in Hz: 8000, or 16000 for G.722.
func (e *WaveEncoder) SampleRate() int { return e.rate }

// Encode encodes one frame. The packet is owned by the caller.
func (e *WaveEncoder) Encode(pcm []int16) ([]byte, error) {
	if e.c == nil {
		return nil, ErrClosed
	}
	if len(pcm) != e.frame {
		return nil, fmt.Errorf("codec: %d samples in a packet of %d", len(pcm), e.frame)
	}
	rc := C.cr_wenc_send(e.c, (*C.int16_t)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)))
	runtime.KeepAlive(pcm)
	if rc < 0 {
		return nil, avError("encode audio", rc)
	}
	packets, err := e.receive(e.c)
	if err != nil {
		return nil, err
	}
	if len(packets) != 1 {
		return nil, fmt.Errorf("codec: %d packets of one frame", len(packets))
	}
	return bytes.Clone(packets[0].Data), nil
}

// Close frees the encoder. Closing twice is harmless.
func (e *WaveEncoder) Close() {
	C.cr_enc_free(e.c)
	e.c = nil
}
