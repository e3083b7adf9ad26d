package simulate_test

import (
	"net"
	"testing"

	"github.com/callreel/callreel/internal/simulate"
)

// lossy is a socket to which one in ten large packets does not come.
type lossy struct {
	net.PacketConn
	large int
}

func (l *lossy) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.PacketConn.ReadFrom(b)
		const ofVideo = 600 // bytes; a handshake has less than ten packets that large
		if err != nil || n < ofVideo {
			return n, from, err
		}
		if l.large++; l.large%10 != 0 {
			return n, from, nil
		}
	}
}

// TestLossIsRepaired: packets that the server asks for are sent again, alone and
// in layers.
func TestLossIsRepaired(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]simulate.Config{
		"one stream": {ID: "ann", Video: "vp8", BitRate: 2_000_000},
		"simulcast":  {ID: "ann", Video: "vp8", BitRate: 2_000_000, Simulcast: true},
	} {
		t.Run(name, func(t *testing.T) {
			udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			c := newCallOver(t, &lossy{PacketConn: udp})
			p := newParticipant(t, c, cfg)
			rid := ""
			if cfg.Simulcast {
				rid = "f"
			}
			leave := run(t, p)
			c.wait(t, "pictures after losses", func() bool {
				v := c.find("ann", "video/VP8", rid)
				return v != nil && len(v.units) > 30 && p.Stats().Nacked > 3
			})
			c.mu.Lock()
			s := c.find("ann", "video/VP8", rid).in.Stats()
			c.mu.Unlock()
			if s.Lost != 0 {
				t.Errorf("%+v", s)
			}
			if err := leave(); err != nil {
				t.Error(err)
			}
		})
	}
}
