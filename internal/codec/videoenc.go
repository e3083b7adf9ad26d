package codec

/*
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/dict.h>
#include <libavutil/imgutils.h>
#include "encoder.h"

// cr_venc_setup fills in what is common to all video encoders.
static void cr_venc_setup(cr_enc *e, int w, int h, int rate_num, int rate_den, int gop, int64_t bit_rate, int global_header) {
	AVCodecContext *c = e->ctx;
	c->width = w;
	c->height = h;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = (AVRational){rate_den, rate_num};
	c->framerate = (AVRational){rate_num, rate_den};
	c->gop_size = gop;
	c->keyint_min = gop;
	c->bit_rate = bit_rate;
	c->thread_count = 1;
	// Browsers send BT.601 in limited range, with chroma in the middle of four
	// pixels as libyuv makes it; the canvas keeps all that, so say so.
	c->color_range = AVCOL_RANGE_MPEG;
	c->color_primaries = AVCOL_PRI_BT709;
	c->color_trc = AVCOL_TRC_BT709;
	c->colorspace = AVCOL_SPC_SMPTE170M;
	c->chroma_sample_location = AVCHROMA_LOC_CENTER;
	if (global_header) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	e->frame->format = AV_PIX_FMT_YUV420P;
	e->frame->width = w;
	e->frame->height = h;
}

// cr_takes_yuv420p tells whether pictures of that format can be given to it.
static int cr_takes_yuv420p(const AVCodec *codec) {
	for (const enum AVPixelFormat *f = codec->pix_fmts; f && *f != AV_PIX_FMT_NONE; f++)
		if (*f == AV_PIX_FMT_YUV420P) return 1;
	return !codec->pix_fmts;
}

// cr_venc_copy gives the frame a copy of a picture.
static int cr_venc_copy(AVFrame *f, const uint8_t *const planes[4], const int strides[4]) {
	int rc = f->buf[0] ? av_frame_make_writable(f) : av_frame_get_buffer(f, 0);
	if (rc < 0) return rc;
	av_image_copy(f->data, f->linesize, (const uint8_t **)planes, strides, f->format, f->width, f->height);
	return 0;
}

static void cr_not_ours(void *opaque, uint8_t *data) {}

// cr_venc_lend makes the frame one of memory that is not its own.
static int cr_venc_lend(AVFrame *f, const uint8_t *const planes[4], const int strides[4]) {
	f->buf[0] = av_buffer_create((uint8_t *)planes[0], 1, cr_not_ours, NULL, AV_BUFFER_FLAG_READONLY);
	if (!f->buf[0]) return AVERROR(ENOMEM);
	for (int i = 0; i < 3; i++) {
		f->data[i] = (uint8_t *)planes[i];
		f->linesize[i] = strides[i];
	}
	return 0;
}

// cr_venc_return takes the memory back, of which nobody else may know then.
static int cr_venc_return(AVFrame *f) {
	int kept = av_buffer_get_ref_count(f->buf[0]) > 1;
	av_buffer_unref(&f->buf[0]);
	for (int i = 0; i < 3; i++) f->data[i] = NULL;
	return kept ? AVERROR_BUG : 0;
}

// cr_venc_send encodes a picture, which is lent if the encoder reads it before it
// returns, and copied if not.
static int cr_venc_send(cr_enc *e, int lend, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ys, int cs, int64_t pts, enum AVPictureType type) {
	const uint8_t *const planes[4] = {y, u, v, NULL};
	const int strides[4] = {ys, cs, cs, 0};
	AVFrame *f = e->frame;
	int rc = lend ? cr_venc_lend(f, planes, strides) : cr_venc_copy(f, planes, strides);
	if (rc < 0) return rc;
	f->pts = pts;
	f->pict_type = type;
	rc = avcodec_send_frame(e->ctx, f);
	if (!lend) return rc;
	int back = cr_venc_return(f);
	return rc < 0 ? rc : back;
}
*/
import "C"

import (
	"fmt"
	"image"
	"runtime"
	"slices"
	"unsafe"
)

// VideoEncoderConfig describes a video encoder.
type VideoEncoderConfig struct {
	// Encoder is libavcodec's name, such as libx264, libopenh264 or libvpx.
	Encoder string
	// Width and Height of every picture, in pixels.
	Width, Height int
	// FrameRate in frames/s. Presentation times count frames.
	FrameRate int
	// KeyInterval is the longest distance between key frames, in frames.
	KeyInterval int
	// BitRate in bit/s. Zero leaves the rate to the options (crf).
	BitRate int64
	// Options are the encoder's own, as libavcodec names them. One that the
	// encoder does not have is an error.
	Options map[string]string
	// GlobalHeader keeps parameter sets out of the stream, in Header.
	GlobalHeader bool
}

// Packet is one coded frame.
type Packet struct {
	Data     []byte // until the next call of the encoder
	PTS, DTS int64  // video: frames; audio: samples. DTS may be negative at the start.
	Key      bool
}

// VideoEncoder encodes pictures of one size. What a call returns is valid until
// the next one.
type VideoEncoder struct {
	c    *C.cr_enc
	size image.Point
	// lend tells that the encoder copies a picture before it returns, as libx264
	// does: 3 MB of 1080p need not be copied for it. What others do is not known.
	lend bool
	coded
}

// NewVideoEncoder opens an encoder. It fails with [ErrUnknown] if libavcodec was
// built without it or it takes no planar 4:2:0 pictures in memory, and with
// [ErrUnavailable] if it can't be opened, as its hardware or driver is missing or
// busy, or as it does not like a value.
func NewVideoEncoder(cfg VideoEncoderConfig) (*VideoEncoder, error) {
	c, codec, err := findEncoder(cfg.Encoder)
	if err != nil {
		return nil, err
	}
	C.cr_venc_setup(c, C.int(cfg.Width), C.int(cfg.Height), C.int(cfg.FrameRate), 1,
		C.int(cfg.KeyInterval), C.int64_t(cfg.BitRate), boolInt(cfg.GlobalHeader))
	options := cfg.Options
	if cfg.Encoder == "libx264" {
		options = x264Options(options)
	}
	if C.cr_takes_yuv420p(codec) == 0 {
		C.cr_enc_free(c)
		return nil, fmt.Errorf("%w: %s takes no planar 4:2:0 pictures in memory", ErrUnknown, cfg.Encoder)
	}
	if err := openEncoder(c, codec, options); err != nil {
		C.cr_enc_free(c)
		return nil, fmt.Errorf("codec: open %s: %w", cfg.Encoder, err)
	}
	return &VideoEncoder{c: c, size: image.Pt(cfg.Width, cfg.Height), lend: cfg.Encoder == "libx264"}, nil
}

func findEncoder(name string) (*C.cr_enc, *C.AVCodec, error) {
	quiet()
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	codec := C.avcodec_find_encoder_by_name(n)
	if codec == nil {
		return nil, nil, fmt.Errorf("%w: libavcodec has no encoder %q", ErrUnknown, name)
	}
	c := C.cr_enc_alloc(codec)
	if c == nil {
		return nil, nil, fmt.Errorf("codec: no memory for %s", name)
	}
	return c, codec, nil
}

// openEncoder opens c with options in a fixed order, and refuses leftovers.
func openEncoder(c *C.cr_enc, codec *C.AVCodec, options map[string]string) error {
	var dict *C.AVDictionary
	defer C.av_dict_free(&dict)
	keys := make([]string, 0, len(options))
	for k := range options {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		ck, cv := C.CString(k), C.CString(options[k])
		C.av_dict_set(&dict, ck, cv, 0)
		C.free(unsafe.Pointer(ck))
		C.free(unsafe.Pointer(cv))
	}
	if rc := C.avcodec_open2(c.ctx, codec, &dict); rc < 0 {
		return fmt.Errorf("%w: %w", ErrUnavailable, avError("open encoder", rc))
	}
	if left := C.av_dict_count(dict); left > 0 {
		empty := C.CString("")
		defer C.free(unsafe.Pointer(empty))
		entry := C.av_dict_get(dict, empty, nil, C.AV_DICT_IGNORE_SUFFIX)
		return fmt.Errorf("no such option: %s", C.GoString(entry.key))
	}
	return nil
}

// header returns the codec's out-of-band header: for H.264 with GlobalHeader
// the parameter sets in Annex B form, for AAC the AudioSpecificConfig.
func header(c *C.cr_enc) []byte {
	return C.GoBytes(unsafe.Pointer(c.ctx.extradata), c.ctx.extradata_size)
}

// Header returns the parameter sets in Annex B form (ITU-T H.264, annex B), if
// the encoder was opened with GlobalHeader.
func (e *VideoEncoder) Header() []byte { return header(e.c) }

// DecodeDelay returns how many frames the first DTS precedes the first PTS.
func (e *VideoEncoder) DecodeDelay() int { return int(e.c.ctx.has_b_frames) }

// Encode encodes one picture with a presentation time in frames and returns
// what is ready, in decode order. Key forces a key frame (an IDR in H.264).
func (e *VideoEncoder) Encode(img *image.YCbCr, pts int64, key bool) ([]Packet, error) {
	if key {
		return e.encode(img, pts, C.AV_PICTURE_TYPE_I)
	}
	return e.encode(img, pts, C.AV_PICTURE_TYPE_NONE)
}

// EncodeForward is Encode for a picture that is coded before all that are shown
// after it, so that the next one may be shown at any time: no B-frame, where the
// encoder lets itself be told (libx264 does).
func (e *VideoEncoder) EncodeForward(img *image.YCbCr, pts int64) ([]Packet, error) {
	return e.encode(img, pts, C.AV_PICTURE_TYPE_P)
}

func (e *VideoEncoder) encode(img *image.YCbCr, pts int64, kind C.enum_AVPictureType) ([]Packet, error) {
	if e.c == nil {
		return nil, ErrClosed
	}
	if img.Rect.Size() != e.size || img.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return nil, fmt.Errorf("codec: picture of %v in an encoder for %v", img.Rect.Size(), e.size)
	}
	y, u, v := planes(img)
	rc := C.cr_venc_send(e.c, boolInt(e.lend), y, u, v, C.int(img.YStride), C.int(img.CStride), C.int64_t(pts), kind)
	runtime.KeepAlive(img)
	if rc < 0 {
		return nil, avError("encode video", rc)
	}
	return e.receive(e.c)
}

// Flush returns the frames that the encoder still holds. Nothing can be encoded after it.
func (e *VideoEncoder) Flush() ([]Packet, error) { return e.flush(e.c) }

// Close frees the encoder. Closing twice is harmless.
func (e *VideoEncoder) Close() {
	C.cr_enc_free(e.c)
	e.c = nil
}

// coded is what came out of an encoder by its last call, in memory that the next
// one uses.
type coded struct {
	packets []Packet
	data    []byte // of all of them
}

// flush returns what an encoder still holds.
func (o *coded) flush(c *C.cr_enc) ([]Packet, error) {
	if c == nil {
		return nil, ErrClosed
	}
	if rc := C.avcodec_send_frame(c.ctx, nil); rc < 0 {
		return nil, avError("flush", rc)
	}
	return o.receive(c)
}

// receive returns what is ready.
func (o *coded) receive(c *C.cr_enc) ([]Packet, error) {
	o.packets, o.data = o.packets[:0], o.data[:0]
	for {
		rc := C.avcodec_receive_packet(c.ctx, c.pkt)
		if again(rc) {
			return o.packets, nil
		}
		if rc < 0 {
			return o.packets, avError("encode", rc)
		}
		begin := len(o.data)
		o.data = append(o.data, unsafe.Slice((*byte)(c.pkt.data), int(c.pkt.size))...)
		o.packets = append(o.packets, Packet{
			Data: o.data[begin:len(o.data):len(o.data)],
			PTS:  int64(c.pkt.pts),
			DTS:  int64(c.pkt.dts),
			Key:  c.pkt.flags&C.AV_PKT_FLAG_KEY != 0,
		})
		C.av_packet_unref(c.pkt)
	}
}

// planes returns pointers to the first samples of a picture's visible part.
func planes(p *image.YCbCr) (y, u, v *C.uint8_t) {
	yo, co := p.YOffset(p.Rect.Min.X, p.Rect.Min.Y), p.COffset(p.Rect.Min.X, p.Rect.Min.Y)
	ptr := func(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(&b[0])) }
	return ptr(p.Y[yo:]), ptr(p.Cb[co:]), ptr(p.Cr[co:])
}

func boolInt(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
