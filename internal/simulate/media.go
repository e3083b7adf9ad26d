package simulate

import (
	"fmt"
	"strings"

	"github.com/callreel/callreel/internal/codec"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

const videoClock = 90000

// videoCodec is all that differs from one video codec to another. Payload types
// are as browsers use them; retransmissions have the one after the codec's own.
type videoCodec struct {
	name, mime, fmtp string
	payloadType      webrtc.PayloadType
	simulcast        bool
	encoder          string
	options          map[string]string // the quickest for real time
	payloader        func() rtp.Payloader
}

func videoCodecs() []videoCodec {
	return []videoCodec{{
		name: "vp8", mime: webrtc.MimeTypeVP8, payloadType: 96, simulcast: true,
		encoder:   "libvpx",
		options:   map[string]string{"deadline": "realtime", "cpu-used": "-16", "lag-in-frames": "0", "static-thresh": "1"},
		payloader: func() rtp.Payloader { return &codecs.VP8Payloader{EnablePictureID: true} },
	}, {
		name: "vp9", mime: webrtc.MimeTypeVP9, fmtp: "profile-id=0", payloadType: 98,
		encoder:   "libvpx-vp9",
		options:   map[string]string{"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "row-mt": "0", "aq-mode": "0", "static-thresh": "1"},
		payloader: func() rtp.Payloader { return &codecs.VP9Payloader{} },
	}, {
		name: "h264", mime: webrtc.MimeTypeH264, payloadType: 106, simulcast: true,
		fmtp:      "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		encoder:   "libx264",
		options:   map[string]string{"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1", "aud": "0", "x264-params": "no-deblock=1"},
		payloader: func() rtp.Payloader { return &codecs.H264Payloader{} },
	}, {
		name: "av1", mime: webrtc.MimeTypeAV1, payloadType: 45,
		encoder: "libaom-av1",
		options: map[string]string{
			"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0", "aom-params": strings.Join(quickAV1(), ":"),
		},
		payloader: func() rtp.Payloader { return &codecs.AV1Payloader{} },
	}}
}

// quickAV1 returns libaom's own options that libavcodec does not have or bounds
// to less. They make it ten times as quick.
func quickAV1() []string {
	return []string{
		"cpu-used=10", "static-thresh=100", "deltaq-mode=0",
		"coeff-cost-upd-freq=3", "mode-cost-upd-freq=3", "mv-cost-upd-freq=3",
		"enable-cdef=0", "enable-palette=0", "enable-order-hint=0", "enable-obmc=0", "enable-warped-motion=0",
		"enable-global-motion=0", "enable-ref-frame-mvs=0", "enable-tpl-model=0",
	}
}

func videoCodecByName(name string) (videoCodec, error) {
	for _, c := range videoCodecs() {
		if strings.EqualFold(c.name, name) {
			return c, nil
		}
	}
	return videoCodec{}, fmt.Errorf("%w: video codec %q", ErrConfig, name)
}

// keyInterval is the longest distance between key frames, in frames: as in
// browsers, hardly any come unasked.
const keyInterval = 3000

func (c videoCodec) open(w, h, fps int, bitRate int64) (*codec.VideoEncoder, error) {
	return codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: c.encoder, Options: c.options,
		Width: w, Height: h, FrameRate: fps, KeyInterval: keyInterval, BitRate: bitRate,
	})
}
