package codec

/*
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

// A decoder with the newest good picture, which stays until a better one comes.
typedef struct {
	AVCodecContext *ctx;
	AVPacket *pkt;
	AVFrame *out;      // what the decoder gives
	AVFrame *picture;  // the newest good picture, 4:2:0
	int matrix, full_range; // of picture; a matrix of 0 if there is no telling
	struct SwsContext *convert; // for formats other than 8-bit 4:2:0
	int64_t max_pixels;
	int frames;        // that the packet being decoded has taken memory for
	int refused;       // one was too large, or there were too many
	AVFrame *seen;     // the picture that was the last to be another one
	int tolerance;     // by how much samples of the same picture differ
	int changed;       // that packet had another one
} cr_dec;

// cr_dec_max_frames is how many pictures may be in a packet: a superframe of VP9
// has up to 8, and an access unit of H.264 one, but for up to 16 that stand in for
// missing ones (ISO/IEC 14496-10 section 8.2.5.2).
static const int cr_dec_max_frames = 20;

// cr_dec_buffer gives memory to a picture. The size checked here is that which
// is decoded: libavcodec holds max_pixels against the part of it that is shown.
static int cr_dec_buffer(AVCodecContext *ctx, AVFrame *f, int flags) {
	cr_dec *d = ctx->opaque;
	if ((int64_t)f->width * f->height > d->max_pixels || ++d->frames > cr_dec_max_frames) {
		d->refused = 1;
		return AVERROR(EINVAL);
	}
	return avcodec_default_get_buffer2(ctx, f, flags);
}

static void cr_dec_free(cr_dec *d) {
	if (!d) return;
	avcodec_free_context(&d->ctx);
	av_packet_free(&d->pkt);
	av_frame_free(&d->out);
	av_frame_free(&d->picture);
	av_frame_free(&d->seen);
	sws_freeContext(d->convert);
	free(d);
}

static cr_dec *cr_dec_new(const char *name, int64_t max_pixels) {
	const AVCodec *codec = avcodec_find_decoder_by_name(name);
	if (!codec) return NULL;
	cr_dec *d = calloc(1, sizeof *d);
	if (!d) return NULL;
	d->ctx = avcodec_alloc_context3(codec);
	d->pkt = av_packet_alloc();
	d->out = av_frame_alloc();
	d->picture = av_frame_alloc();
	d->seen = av_frame_alloc();
	if (!d->ctx || !d->pkt || !d->out || !d->picture || !d->seen) { cr_dec_free(d); return NULL; }
	d->ctx->thread_count = 1;
	d->ctx->flags |= AV_CODEC_FLAG_LOW_DELAY;
	d->ctx->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
	d->ctx->max_pixels = d->max_pixels = max_pixels;
	d->ctx->opaque = d;
	d->ctx->get_buffer2 = cr_dec_buffer;
	AVDictionary *opts = NULL;
	if (!strcmp(name, "libdav1d")) {
		av_dict_set(&opts, "max_frame_delay", "1", 0);
		// Or it holds a picture back for the highest spatial layer of the
		// sequence, which may have been left out.
		av_dict_set(&opts, "alllayers", "1", 0);
	}
	int rc = avcodec_open2(d->ctx, codec, &opts);
	av_dict_free(&opts);
	if (rc < 0) { cr_dec_free(d); return NULL; }
	return d;
}

static int cr_dec_is_420(enum AVPixelFormat f) { return f == AV_PIX_FMT_YUV420P || f == AV_PIX_FMT_YUVJ420P; }

// cr_dec_convert turns d->out into 8-bit 4:2:0 in d->picture, with the range that
// it has. RGB gets libswscale's default, which is BT.601.
static int cr_dec_convert(cr_dec *d) {
	AVFrame *o = d->out, *p = d->picture;
	d->convert = sws_getCachedContext(d->convert, o->width, o->height, o->format,
		o->width, o->height, AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
	if (!d->convert) return AVERROR(ENOSYS);
	const int *k = sws_getCoefficients(SWS_CS_DEFAULT);
	sws_setColorspaceDetails(d->convert, k, d->full_range, k, d->full_range, 0, 1 << 16, 1 << 16);
	av_frame_unref(p);
	p->format = AV_PIX_FMT_YUV420P;
	p->width = o->width;
	p->height = o->height;
	int rc = av_frame_get_buffer(p, 0);
	if (rc < 0) return rc;
	rc = sws_scale(d->convert, (const uint8_t *const *)o->data, o->linesize, 0, o->height, p->data, p->linesize);
	return rc < 0 ? rc : 0;
}

// cr_dec_colour reads the colour of d->out. VP8 has one only (RFC 6386, section
// 9.2); its clamping_type, which libavcodec takes for a range, is none.
static void cr_dec_colour(cr_dec *d) {
	d->matrix = d->full_range = 0;
	if (d->ctx->codec_id == AV_CODEC_ID_VP8) return;
	if (d->out->colorspace != AVCOL_SPC_UNSPECIFIED) d->matrix = d->out->colorspace;
	d->full_range = d->out->color_range == AVCOL_RANGE_JPEG;
}

// cr_near tells whether no two of n samples differ by more than tolerance.
static int cr_near(const uint8_t *a, const uint8_t *b, int n, int tolerance) {
	if (!memcmp(a, b, n)) return 1;
	int most = 0;
	for (int i = 0; tolerance && i < n; i++) {
		int d = abs(a[i] - b[i]);
		most = d > most ? d : most;
	}
	return tolerance && most <= tolerance;
}

// cr_dec_same tells whether d->picture is the one that was seen. Of one that
// moves it looks at little: up to the first difference.
static int cr_dec_same(const cr_dec *d) {
	const AVFrame *a = d->seen, *b = d->picture;
	if (!a->data[0] || a->width != b->width || a->height != b->height) return 0;
	for (int i = 0; i < 3; i++) {
		int w = i ? (a->width + 1) / 2 : a->width, h = i ? (a->height + 1) / 2 : a->height;
		for (int y = 0; y < h; y++) {
			if (!cr_near(a->data[i] + y * a->linesize[i], b->data[i] + y * b->linesize[i], w, d->tolerance)) return 0;
		}
	}
	return 1;
}

// cr_dec_see finds out whether the picture is another one.
static int cr_dec_see(cr_dec *d) {
	if (cr_dec_same(d)) return 0;
	d->changed = 1;
	av_frame_unref(d->seen);
	return av_frame_ref(d->seen, d->picture);
}

// cr_dec_take makes d->out the picture. A damaged frame is refused.
static int cr_dec_take(cr_dec *d) {
	if (d->out->decode_error_flags || (d->out->flags & AV_FRAME_FLAG_CORRUPT)) return AVERROR_INVALIDDATA;
	cr_dec_colour(d);
	if (!cr_dec_is_420(d->out->format)) return cr_dec_convert(d);
	av_frame_unref(d->picture);
	av_frame_move_ref(d->picture, d->out);
	return 0;
}

// cr_dec_receive takes what is ready.
static int cr_dec_receive(cr_dec *d, int *got) {
	for (;;) {
		int rc = avcodec_receive_frame(d->ctx, d->out);
		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return 0;
		if (rc < 0) return rc;
		rc = cr_dec_take(d);
		av_frame_unref(d->out);
		if (rc >= 0) rc = cr_dec_see(d);
		if (rc < 0) return rc;
		++*got;
	}
}

static int cr_dec_feed(cr_dec *d, const void *data, int size, int *got) {
	int rc = av_new_packet(d->pkt, size);
	if (rc < 0) return rc;
	memcpy(d->pkt->data, data, size);
	rc = avcodec_send_packet(d->ctx, d->pkt);
	av_packet_unref(d->pkt);
	return rc < 0 ? rc : cr_dec_receive(d, got);
}

// cr_dec_drain brings out what a decoder of reordered pictures holds back.
static int cr_dec_drain(cr_dec *d, int *got) {
	*got = d->frames = d->refused = d->changed = 0;
	int rc = avcodec_send_packet(d->ctx, NULL);
	if (rc >= 0) rc = cr_dec_receive(d, got);
	avcodec_flush_buffers(d->ctx);
	return rc;
}

// cr_dec_decode feeds one access unit; *got counts the new pictures. After an
// error the decoder starts afresh: what it refers to can't be trusted.
static int cr_dec_decode(cr_dec *d, const void *data, int size, int *got) {
	*got = d->frames = d->refused = d->changed = 0;
	int rc = cr_dec_feed(d, data, size, got);
	if (rc < 0) avcodec_flush_buffers(d->ctx);
	return rc;
}
*/
import "C"

import (
	"fmt"
	"image"
	"math"
	"runtime"
	"strings"
	"unsafe"
)

const (
	// MaxPixels bounds the pictures that are decoded, unless another limit is
	// given: a key frame that claims more is refused before any memory is
	// reserved for it.
	MaxPixels = 4096 * 2304
	// MostPixels is the highest limit.
	MostPixels = 16384 * 16384
)

// decoders names libavcodec's decoder for each video codec.
var decoders = map[string]string{
	"video/vp8":  "vp8",
	"video/vp9":  "vp9",
	"video/h264": "h264",
	"video/av1":  "libdav1d",
}

// VideoDecoder decodes one stream and keeps its newest good picture.
type VideoDecoder struct {
	c       *C.cr_dec
	layered bool // packets are to have one spatial layer each
	picture image.YCbCr
	colour  Colour
	have    bool
	changed bool
	got     C.int // pictures that came of the last call
}

// NewVideoDecoder returns a decoder for an RTP media type, such as video/VP8 in
// any letter case. It fails with [ErrUnknown] for any other codec.
func NewVideoDecoder(mimeType string) (*VideoDecoder, error) {
	return NewBoundedVideoDecoder(mimeType, MaxPixels)
}

// NewBoundedVideoDecoder is [NewVideoDecoder] with another limit than [MaxPixels].
func NewBoundedVideoDecoder(mimeType string, pixels int) (*VideoDecoder, error) {
	quiet()
	name, ok := decoders[strings.ToLower(mimeType)]
	if !ok {
		return nil, fmt.Errorf("%w video codec %q", ErrUnknown, mimeType)
	}
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	c := C.cr_dec_new(n, C.int64_t(pixels))
	if c == nil {
		return nil, fmt.Errorf("%w: libavcodec has no decoder %q", ErrUnknown, name)
	}
	return &VideoDecoder{c: c, layered: name == "libdav1d"}, nil
}

// Decode feeds one access unit in decode order and reports whether
// [VideoDecoder.Picture] is now a new one: of several spatial layers that of
// the highest. After an error (it wraps [ErrCorrupt]) the picture is the last
// good one; feed a key frame next.
func (d *VideoDecoder) Decode(unit []byte) (bool, error) {
	if d.c == nil {
		return false, ErrClosed
	}
	if len(unit) == 0 || len(unit) > math.MaxInt32/2 {
		return false, fmt.Errorf("%w: access unit of %d bytes", ErrCorrupt, len(unit))
	}
	if d.layered && tooMany(unit) {
		return false, fmt.Errorf("%w: %w: more than %d frames at once", ErrCorrupt, ErrSize, maxOBUFrames)
	}
	fresh, changed := false, false
	for len(unit) > 0 {
		packet := unit
		if d.layered {
			packet = firstLayer(unit)
		}
		unit = unit[len(packet):]
		got, err := d.decodePacket(packet)
		fresh, changed = fresh || got, changed || d.changed
		d.changed = changed
		if err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

func (d *VideoDecoder) decodePacket(packet []byte) (bool, error) {
	rc := C.cr_dec_decode(d.c, unsafe.Pointer(&packet[0]), C.int(len(packet)), &d.got)
	runtime.KeepAlive(packet)
	return d.took(rc)
}

// Drain brings out the pictures that the decoder holds back because of
// B-frames, and reports whether there was one. Feed a key frame next.
func (d *VideoDecoder) Drain() (bool, error) {
	if d.c == nil {
		return false, ErrClosed
	}
	rc := C.cr_dec_drain(d.c, &d.got)
	return d.took(rc)
}

func (d *VideoDecoder) took(rc C.int) (bool, error) {
	d.changed = d.c.changed != 0
	if d.got > 0 {
		d.setPicture()
	}
	if rc >= 0 {
		return d.got > 0, nil
	}
	err := fmt.Errorf("%w: %w", ErrCorrupt, avError("decode video", rc))
	if d.c.refused != 0 {
		err = fmt.Errorf("%w: %w", ErrSize, err)
	}
	return d.got > 0, err
}

// Picture returns the newest good picture, or nil before the first. It is
// borrowed: valid until the next Decode or Close, and not to be written to.
func (d *VideoDecoder) Picture() *image.YCbCr {
	if !d.have {
		return nil
	}
	return &d.picture
}

// Tolerate sets by how many levels samples may differ from those of a picture that
// counts as the same, none at first. What encoders make of a slide is never still.
func (d *VideoDecoder) Tolerate(levels int) { d.c.tolerance = C.int(levels) }

// Changed reports whether the last Decode or Drain brought another picture than
// the last one of which it did: one may also come that is the same. The colour is
// not looked at.
func (d *VideoDecoder) Changed() bool { return d.changed }

// Colour returns that of the newest good picture.
func (d *VideoDecoder) Colour() Colour { return d.colour }

func (d *VideoDecoder) setPicture() {
	p := d.c.picture
	d.colour = Colour{Matrix: uint8(d.c.matrix), FullRange: d.c.full_range != 0}
	w, h := int(p.width), int(p.height)
	plane := func(i, w, h int) ([]byte, int) {
		stride := int(p.linesize[i])
		return unsafe.Slice((*byte)(p.data[i]), stride*(h-1)+w), stride
	}
	cw, ch := (w+1)/2, (h+1)/2
	d.picture = image.YCbCr{SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, w, h)}
	d.picture.Y, d.picture.YStride = plane(0, w, h)
	d.picture.Cb, d.picture.CStride = plane(1, cw, ch)
	d.picture.Cr, _ = plane(2, cw, ch)
	d.have = true
}

// Close frees the decoder and its picture. Closing twice is harmless.
func (d *VideoDecoder) Close() {
	C.cr_dec_free(d.c)
	d.c, d.have = nil, false
}
