package whip

import (
	"context"
	"fmt"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

const (
	keepAlive        = 2 * time.Second
	handshakeTimeout = 20 * time.Second // of DTLS, after ICE is connected
	receiveMTU       = 1600             // bytes: an Ethernet frame
	replayWindow     = 1024             // packets: a retransmission may be a second late
	tcpReadPackets   = 128              // per connection
	tcpWriteBytes    = 1 << 20          // per connection
)

// newSettingEngine says how sessions use the network: only host candidates, ICE
// over TCP only as the passive side, so that an offer can't make the server
// dial, and DTLS as the server (RFC 9725, section 4.4.1).
func newSettingEngine(cfg Config, logs logFactory) (webrtc.SettingEngine, error) {
	e := webrtc.SettingEngine{LoggerFactory: logs}
	e.SetICETimeouts(cfg.DisconnectAfter, cfg.DisconnectGrace, keepAlive)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetIncludeLoopbackCandidate(cfg.Loopback)
	e.SetNetworkTypes(networkTypes(cfg))
	e.DisableActiveTCP(true)
	e.SetReceiveMTU(receiveMTU)
	e.SetSRTPReplayProtectionWindow(replayWindow)
	e.SetDTLSConnectContextMaker(func() (context.Context, func()) {
		return context.WithTimeout(context.Background(), handshakeTimeout)
	})
	if err := e.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return e, fmt.Errorf("whip: DTLS role: %w", err)
	}
	if cfg.UDPPortMax != 0 {
		if err := e.SetEphemeralUDPPortRange(max(cfg.UDPPortMin, 1), cfg.UDPPortMax); err != nil {
			return e, fmt.Errorf("whip: UDP ports: %w", err)
		}
	}
	if len(cfg.PublicIPs) > 0 {
		err := e.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External:        cfg.PublicIPs,
			AsCandidateType: webrtc.ICECandidateTypeHost,
			Mode:            webrtc.ICEAddressRewriteReplace,
		})
		if err != nil {
			return e, fmt.Errorf("whip: public IPs: %w", err)
		}
	}
	return e, nil
}

func networkTypes(cfg Config) []webrtc.NetworkType {
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	if cfg.TCP != nil {
		types = append(types, webrtc.NetworkTypeTCP4)
	}
	if cfg.DisableIPv6 {
		return types
	}
	types = append(types, webrtc.NetworkTypeUDP6)
	if cfg.TCP != nil {
		types = append(types, webrtc.NetworkTypeTCP6)
	}
	return types
}
