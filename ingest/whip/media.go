package whip

import (
	"fmt"
	"strconv"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// MIME types of what comes in the place of media, or around it.
const (
	mimeAudioRED = "audio/red"
	mimeVideoRED = "video/red"
	mimeULPFEC   = "video/ulpfec"
)

// URIs of header extensions that pion/sdp has no name for.
const (
	absCaptureTimeURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	orientationURI    = "urn:3gpp:video-orientation"
	colorSpaceURI     = "http://www.webrtc.org/experiments/rtp-hdrext/color-space"
	av1DependencyURI  = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

const (
	audio = webrtc.RTPCodecTypeAudio
	video = webrtc.RTPCodecTypeVideo
)

// codecs lists what can be received, in the order of preference that counts
// where the publisher has none. Payload types are placeholders: an answer uses
// those of the offer. Retransmissions of video take the next one. ULPFEC, with
// the RED around it, is for publishers that do not retransmit; FlexFEC is not
// among them, as no browser offers it by itself.
var codecs = []struct {
	kind        webrtc.RTPCodecType
	mime, fmtp  string
	clock       uint32
	channels    uint16
	payloadType webrtc.PayloadType
}{
	{audio, mimeAudioRED, "111/111", 48000, 2, 63},
	{audio, webrtc.MimeTypeOpus, "minptime=10;useinbandfec=1", 48000, 2, 111},
	{audio, webrtc.MimeTypeG722, "", 8000, 0, rtp.PayloadTypeG722},
	{audio, webrtc.MimeTypePCMU, "", 8000, 0, rtp.PayloadTypePCMU},
	{audio, webrtc.MimeTypePCMA, "", 8000, 0, rtp.PayloadTypePCMA},
	{video, webrtc.MimeTypeVP8, "", 90000, 0, 96},
	{video, webrtc.MimeTypeVP9, "profile-id=0", 90000, 0, 98},
	{video, webrtc.MimeTypeVP9, "profile-id=2", 90000, 0, 100},
	{video, webrtc.MimeTypeH264, h264("42001f", 1), 90000, 0, 102},
	{video, webrtc.MimeTypeH264, h264("42001f", 0), 90000, 0, 104},
	{video, webrtc.MimeTypeH264, h264("42e01f", 1), 90000, 0, 106},
	{video, webrtc.MimeTypeH264, h264("42e01f", 0), 90000, 0, 108},
	{video, webrtc.MimeTypeH264, h264("4d001f", 1), 90000, 0, 112},
	{video, webrtc.MimeTypeH264, h264("4d001f", 0), 90000, 0, 114},
	{video, webrtc.MimeTypeH264, h264("64001f", 1), 90000, 0, 116},
	{video, webrtc.MimeTypeH264, h264("64001f", 0), 90000, 0, 118},
	{video, webrtc.MimeTypeAV1, "", 90000, 0, 45},
	{video, mimeVideoRED, "", 90000, 0, 120},
	{video, mimeULPFEC, "", 90000, 0, 122},
}

func h264(profile string, mode int) string {
	return fmt.Sprintf("level-asymmetry-allowed=1;packetization-mode=%d;profile-level-id=%s", mode, profile)
}

// extensions lists the header extensions that are of use.
var extensions = []struct {
	uri   string
	kinds []webrtc.RTPCodecType
}{
	{sdp.SDESMidURI, []webrtc.RTPCodecType{audio, video}},
	{sdp.SDESRTPStreamIDURI, []webrtc.RTPCodecType{video}},
	{sdp.SDESRepairRTPStreamIDURI, []webrtc.RTPCodecType{video}},
	{sdp.ABSSendTimeURI, []webrtc.RTPCodecType{audio, video}},
	{sdp.TransportCCURI, []webrtc.RTPCodecType{audio, video}},
	{absCaptureTimeURI, []webrtc.RTPCodecType{audio, video}},
	{orientationURI, []webrtc.RTPCodecType{video}},
	{colorSpaceURI, []webrtc.RTPCodecType{video}},
	{av1DependencyURI, []webrtc.RTPCodecType{video}},
}

// newMediaEngine registers the codecs and the header extensions.
func newMediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	if err := registerCodecs(m); err != nil {
		return nil, fmt.Errorf("whip: register codecs: %w", err)
	}
	for _, e := range extensions {
		for _, k := range e.kinds {
			ext := webrtc.RTPHeaderExtensionCapability{URI: e.uri}
			if err := m.RegisterHeaderExtension(ext, k); err != nil {
				return nil, fmt.Errorf("whip: register %s: %w", e.uri, err)
			}
		}
	}
	return m, nil
}

func registerCodecs(m *webrtc.MediaEngine) error {
	for _, c := range codecs {
		feedback := []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBTransportCC}, {Type: webrtc.TypeRTCPFBNACK}}
		if c.kind == video {
			feedback = append(
				feedback,
				webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
				webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
			)
		}
		err := m.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: c.mime, ClockRate: c.clock, Channels: c.channels, SDPFmtpLine: c.fmtp, RTCPFeedback: feedback,
			},
			PayloadType: c.payloadType,
		}, c.kind)
		if err != nil {
			return err
		}
		if c.kind != video || c.mime == mimeVideoRED || c.mime == mimeULPFEC {
			continue
		}
		err = m.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: c.clock, SDPFmtpLine: "apt=" + strconv.Itoa(int(c.payloadType)),
			},
			PayloadType: c.payloadType + 1,
		}, video)
		if err != nil {
			return err
		}
	}
	return nil
}
