package callreel_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// beeper sends G.711, which costs nothing to make, by a clock that is ppm fast:
// silence, and once a minute by the time of day a beep of 100 ms.
type beeper struct {
	ppm     int64
	half    int // samples of half a wave of its tone at 8 kHz
	reports bool
}

// ulaw has the code of silence and those of a rectangular wave of -12 dBFS.
var ulaw = struct{ silence, high, low byte }{0xff, 0x9f, 0x1f}

func (b *beeper) hertz() float64 { return 8000 / float64(2*b.half) }

// run sends from now to end. Each packet holds 60 ms of the sender's own time.
func (b *beeper) run(t *testing.T, w ingest.Writer, end time.Duration) {
	const samples, clock = 480, 8000
	start := time.Now()
	wall := func(n int64) time.Duration { // when the sender's sample n is captured
		at := time.Duration(n) * time.Second / clock
		return at - time.Duration(int64(at)/1_000_000*b.ppm)
	}
	header := rtp.Header{Version: 2, SSRC: 77 + uint32(b.half)}
	for n := int64(0); wall(n+samples) < end; n += samples {
		payload := make([]byte, samples)
		for i := range payload {
			at := wall(n + int64(i))
			since := (at - 30*time.Second) % time.Minute
			switch {
			case since < 0 || since >= 100*time.Millisecond:
				payload[i] = ulaw.silence
			case int(since*clock/time.Second)/b.half%2 == 0:
				payload[i] = ulaw.high
			default:
				payload[i] = ulaw.low
			}
		}
		<-time.After(time.Until(start.Add(wall(n + samples)))) // the packet is complete
		header.SequenceNumber++
		header.Timestamp = uint32(n)
		if err := w.WriteRTP(&rtp.Packet{Header: header, Payload: payload}, time.Now()); err != nil {
			t.Error(err)
			return
		}
		if b.reports && n/samples%80 == 10 {
			sr := &rtcp.SenderReport{SSRC: header.SSRC, NTPTime: timebase.NTP(start.Add(wall(n))), RTPTime: uint32(n)}
			if err := w.WriteRTCP([]rtcp.Packet{sr}, time.Now()); err != nil {
				t.Error(err)
			}
		}
	}
}

// In four hours clocks that are 200 ppm off run 2.9 s away, either way.
func TestLongFourHoursOfDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const length = 4 * time.Hour
		r := newRig(t)
		conv := r.conversation("room")
		cfg := smallConfig("room")
		cfg.Width, cfg.Height, cfg.FrameRate = 64, 64, 1
		cfg.ChunkDuration = 5 * time.Hour
		rec := r.start(cfg)
		beepers := []*beeper{{ppm: 200, half: 4, reports: true}, {ppm: -200, half: 6}}
		for i, b := range beepers {
			w, err := conv.AddTrack(ingest.TrackInfo{Participant: ingest.Participant{ID: string(rune('a' + i))}, MimeType: "audio/PCMU"})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				b.run(t, w, length)
				_ = w.Close() // never fails
			}()
		}
		time.Sleep(length)
		res := r.stop(rec)
		m := &movie{t: t, pcm: decodeSound(t, r.file(res.Chunks[0]))}
		for _, b := range beepers {
			var first, last, worst float64
			for minute := range 240 {
				at := m.beep(b.hertz(), float64(minute)*60+30)
				if minute == 0 {
					first = at
				}
				last = at - first
				worst = max(worst, math.Abs(last))
			}
			t.Logf("%+d ppm, reports %v: after four hours %+.1f ms, at most %.1f ms", b.ppm, b.reports, 1000*last, 1000*worst)
			if worst > 0.020 {
				t.Errorf("%+v: up to %.1f ms off", b, 1000*worst)
			}
		}
		for s := range res.Report.Tracks() {
			if s.Sound.Missing.Count+s.Sound.Concealed.Count > 0 || s.DecodeErrors > 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// beep returns how late, in seconds, the one beep begins that should be heard at
// that time. Half a second around it is searched.
func (m *movie) beep(hertz, at float64) float64 {
	m.t.Helper()
	from := int((at - 0.5) * 16000)
	part := movie{t: m.t, pcm: m.pcm[from : from+16000]}
	found := part.beeps(hertz)
	if len(found) != 1 {
		m.t.Errorf("%v Hz at %v s: beeps at %v", hertz, at-0.5, found)
		return math.NaN()
	}
	return found[0] - 0.5
}
