package simulate

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// newPeerConnection returns one that can send what cfg says and no more. Lost
// packets are sent again (RFC 4588): simulcast layers, whose repaired stream IDs
// the stack gets wrong, in their own stream and others in one for that.
func newPeerConnection(cfg Config) (*webrtc.PeerConnection, error) {
	media := &webrtc.MediaEngine{}
	if err := registerMedia(media, cfg); err != nil {
		return nil, fmt.Errorf("simulate: register codecs: %w", err)
	}
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("simulate: retransmissions: %w", err)
	}
	interceptors := &interceptor.Registry{}
	interceptors.Add(responder)
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(interceptors),
		webrtc.WithSettingEngine(settings(cfg.Endpoint)),
	)
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("simulate: peer connection: %w", err)
	}
	return pc, nil
}

func settings(endpoint string) webrtc.SettingEngine {
	e := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard}}
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	e.SetIncludeLoopbackCandidate(isLoopback(endpoint))
	return e
}

// isLoopback reports whether a server is on this machine, where loopback
// addresses can be of use.
func isLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func registerMedia(m *webrtc.MediaEngine, cfg Config) error {
	if cfg.Audio != "" {
		codec, err := audioCodecByName(cfg.Audio)
		if err != nil {
			return err
		}
		if err := m.RegisterCodec(codec.parameters(), webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
	}
	if cfg.Video == "" {
		return nil
	}
	codec, err := videoCodecByName(cfg.Video)
	if err != nil {
		return err
	}
	if err := m.RegisterCodec(codec.parameters(), webrtc.RTPCodecTypeVideo); err != nil {
		return err
	}
	if cfg.Simulcast {
		return registerExtensions(m, sdp.SDESMidURI, sdp.SDESRTPStreamIDURI)
	}
	return m.RegisterCodec(codec.repair(), webrtc.RTPCodecTypeVideo)
}

func registerExtensions(m *webrtc.MediaEngine, uris ...string) error {
	for _, uri := range uris {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return nil
}

func (c videoCodec) parameters() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: c.mime, ClockRate: videoClock, SDPFmtpLine: c.fmtp,
			RTCPFeedback: []webrtc.RTCPFeedback{
				{Type: webrtc.TypeRTCPFBNACK},
				{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
				{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
			},
		},
		PayloadType: c.payloadType,
	}
}

// repair returns the parameters of the stream of retransmissions.
func (c videoCodec) repair() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: videoClock, SDPFmtpLine: "apt=" + strconv.Itoa(int(c.payloadType)),
		},
		PayloadType: c.payloadType + 1,
	}
}
