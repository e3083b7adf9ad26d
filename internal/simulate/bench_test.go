package simulate_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/simulate"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// deaf is a conversation that keeps nothing.
type deaf struct{}

func (deaf) Join(ingest.Participant) (func(), error)          { return func() {}, nil }
func (deaf) AddTrack(ingest.TrackInfo) (ingest.Writer, error) { return deaf{}, nil }
func (deaf) WriteRTP(*rtp.Packet, time.Time) error            { return nil }
func (deaf) WriteRTCP([]rtcp.Packet, time.Time) error         { return nil }
func (deaf) Close() error                                     { return nil }

// BenchmarkCall measures what participants cost: CPU time of the process in
// seconds per second of the call and participant. The WHIP server is in it. One
// iteration is a second of the call: use -benchtime 5x.
func BenchmarkCall(b *testing.B) {
	for _, x := range []struct {
		name   string
		n      int
		codecs string
		cfg    simulate.Config
	}{
		{"opus", 1, "", simulate.Config{Audio: "opus"}},
		{"speech", 1, "", simulate.Config{Audio: "opus", Speech: true}},
		{"vp8", 1, "vp8", simulate.Config{Audio: "opus"}},
		{"vp9", 1, "vp9", simulate.Config{Audio: "opus"}},
		{"h264", 1, "h264", simulate.Config{Audio: "opus"}},
		{"av1", 1, "av1", simulate.Config{Audio: "opus"}},
		{"demo of five", 5, "vp8 vp9 h264 av1 vp8", simulate.Config{Audio: "opus"}},
		{"light 25", 25, "vp8 vp9 h264 av1", simulate.Config{Audio: "opus", Width: 320, Height: 180, FPS: 10}},
		{"simulcast vp8", 1, "vp8", simulate.Config{Audio: "opus", Simulcast: true, Width: 1280, Height: 720}},
	} {
		b.Run(x.name, func(b *testing.B) {
			c := serve(b, deaf{}, nil)
			x.cfg.Endpoint, x.cfg.HTTPClient = c.url, c.client
			crowd, err := simulate.NewCrowd(simulate.CrowdConfig{Participant: x.cfg, N: x.n, Codecs: strings.Fields(x.codecs)})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(b.Context(), time.Duration(b.N)*time.Second)
			defer cancel()
			before := cpuTime(b)
			if err := crowd.Run(ctx); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N*x.n), "cpu-s/s/participant")
			var skipped uint64
			for _, p := range crowd.Participants() {
				skipped += p.Stats().FramesSkipped
			}
			b.ReportMetric(float64(skipped), "skipped")
		})
	}
}

// cpuTime returns the CPU time of the process.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
