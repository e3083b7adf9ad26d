// What the encoders share.
#ifndef CALLREEL_ENCODER_H
#define CALLREEL_ENCODER_H

#include <stdlib.h>
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>

typedef struct {
	AVCodecContext *ctx;
	AVPacket *pkt;
	AVFrame *frame;
} cr_enc;

static inline void cr_enc_free(cr_enc *e) {
	if (!e) return;
	avcodec_free_context(&e->ctx);
	av_packet_free(&e->pkt);
	av_frame_free(&e->frame);
	free(e);
}

static inline cr_enc *cr_enc_alloc(const AVCodec *codec) {
	cr_enc *e = calloc(1, sizeof *e);
	if (!e) return NULL;
	e->ctx = avcodec_alloc_context3(codec);
	e->pkt = av_packet_alloc();
	e->frame = av_frame_alloc();
	if (!e->ctx || !e->pkt || !e->frame) { cr_enc_free(e); return NULL; }
	return e;
}

// cr_enc_sound returns the frame, with room for so many samples; rc is not 0 if
// there is no memory.
static inline AVFrame *cr_enc_sound(cr_enc *e, int samples, int *rc) {
	AVFrame *f = e->frame;
	f->nb_samples = samples;
	if (f->buf[0]) {
		*rc = av_frame_make_writable(f);
		return f;
	}
	f->format = e->ctx->sample_fmt;
	f->sample_rate = e->ctx->sample_rate;
	*rc = av_channel_layout_copy(&f->ch_layout, &e->ctx->ch_layout);
	if (*rc >= 0) *rc = av_frame_get_buffer(f, 0);
	return f;
}

#endif
