// What the video and the audio encoder share.
#ifndef CALLREEL_ENCODER_H
#define CALLREEL_ENCODER_H

#include <stdlib.h>
#include <libavcodec/avcodec.h>

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

#endif
