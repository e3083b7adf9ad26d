package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// Several calls, each in a process of its own, share one port for UDP and one for
// TCP.
func TestSharedPorts(t *testing.T) {
	t.Parallel()
	udp, tcp := freePort(t), freeTCPPort(t)
	s := serve(t, fmt.Sprintf("--udp-mux-port=%d", udp), "--tcp-port="+tcp, "--media-ip=127.0.0.1")
	s.join("room", camera(0, "vp8"))
	s.join("other", camera(1, "vp8"))
	p := s.newPublisher(webrtc.MimeTypeVP8, webrtc.NetworkTypeTCP4)
	if answer := p.publish("/whip/third?participant=tcp"); !strings.Contains(answer, " tcptype passive") || !strings.Contains(answer, fmt.Sprintf(" 127.0.0.1 %d typ host", udp)) {
		t.Errorf("%s", answer)
	}
	p.babble(rand.NewChaCha8([32]byte{1}), 20)
	for _, call := range []string{"room", "other", "third"} {
		s.await(call, 2)
	}
	if n := len(s.workers()); n != 3 {
		t.Errorf("%d processes", n)
	}
	recordings := []*recording{s.start("room"), s.start("other")}
	pass(t, 6*time.Second)
	for who, r := range recordings {
		m := r.stop()
		m.hears(t, who, 2*time.Second, m.length())
		for n, img := range m.frames() {
			if seen := read(img, 1); n >= settled && len(seen) != 1 {
				t.Errorf("frame %d of %s shows %v", n, r.call, seen)
			} else if _, ok := seen[who]; n >= settled && !ok {
				t.Errorf("frame %d of %s shows %v", n, r.call, seen)
			}
		}
	}
}
