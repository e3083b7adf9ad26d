package simulate

import (
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

func BenchmarkScene(b *testing.B) {
	cfg := Config{}
	cfg.setDefaults()
	s, err := newScene(cfg)
	if err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		s.draw(timebase.Ticks(i) * 1600)
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range videoCodecs() {
		b.Run(c.name, func(b *testing.B) {
			cfg := Config{}
			cfg.setDefaults()
			s, err := newScene(cfg)
			if err != nil {
				b.Fatal(err)
			}
			enc, err := c.open(cfg.Width, cfg.Height, cfg.FPS, 500_000)
			if err != nil {
				b.Fatal(err)
			}
			defer enc.Close()
			bytes := 0
			for i := range b.N {
				ps, err := enc.Encode(s.draw(timebase.Ticks(i)*1600), int64(i), i == 0)
				if err != nil {
					b.Fatal(err)
				}
				for _, p := range ps {
					bytes += len(p.Data)
				}
			}
			b.ReportMetric(float64(bytes)*8*30/float64(b.N)/1000, "kbit/s")
		})
	}
}
