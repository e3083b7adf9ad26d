package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/timebase"
)

// call is what the participants of a scenario send.
type call struct {
	scenario Scenario
	parties  []party
}

// party is a participant.
type party struct {
	id    string
	sends []sent
}

// sent is a track, or a simulcast layer of one.
type sent struct {
	coded
	rid    string
	screen bool
}

// Bit rates of what is sent, in bit/s.
const (
	fullRate    = 600_000 // 640x360, and all there is without simulcast
	halfRate    = 200_000
	quarterRate = 80_000
	screenRate  = 800_000
)

// makeCall encodes what the participants send, or takes it from the cache.
func makeCall(ctx context.Context, cache string, s Scenario) (call, error) {
	f, err := openFootage(ctx, cache, s.Workload)
	if err != nil {
		return call{}, err
	}
	c := call{scenario: s}
	for i := range s.Participants {
		p := party{id: fmt.Sprintf("person-%02d", i+1)}
		mic := microphone{of: s.Participants, i: i, seconds: s.Seconds, muted: s.Cameras == Muted, dtx: s.Cameras == Audio}
		sound, err := f.microphoneStream(ctx, cache, mic)
		if err != nil {
			return c, err
		}
		p.sends = append(p.sends, sent{coded: sound})
		if s.sends(i) {
			layers, err := f.layers(ctx, cache, s, i)
			if err != nil {
				return c, err
			}
			p.sends = append(p.sends, layers...)
		}
		if s.shares(i) {
			v := videoCoding{codec: s.Codec, size: image.Pt(1280, 720), fps: 5, bitRate: screenRate}
			screen, err := f.screenStream(ctx, cache, s.Seconds, s.Cameras == Slide, v)
			if err != nil {
				return c, err
			}
			p.sends = append(p.sends, sent{coded: screen, screen: true})
		}
		c.parties = append(c.parties, p)
	}
	return c, nil
}

// layers returns what a camera sends.
func (f *footage) layers(ctx context.Context, cache string, s Scenario, i int) (all []sent, err error) {
	type kind struct {
		rid   string
		width int
		rate  int64
	}
	kinds := []kind{{"", 640, fullRate}}
	if s.Layers == Simulcast {
		kinds = []kind{{"q", 160, quarterRate}, {"h", 320, halfRate}, {"f", 640, fullRate}}
	}
	for _, k := range kinds {
		c, err := f.cameraStream(ctx, cache, i, s.Seconds, videoCoding{
			codec: s.Codec, size: image.Pt(k.width, k.width*9/16), fps: 30, bitRate: k.rate,
			temporal: s.Layers != Plain && s.Codec != "h264",
		})
		if err != nil {
			return nil, err
		}
		all = append(all, sent{coded: c, rid: k.rid})
	}
	return all, nil
}

// began is when all calls begin.
var began = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// transit is how long packets are on their way.
const transit = 20 * time.Millisecond

// captured returns the file with the packets of the call as a recorder would
// have captured them, which it makes if it is not in the cache.
func (c call) captured(cache string) (string, error) {
	file := c.scenario.capture(cache)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	data, err := c.capture()
	if err != nil {
		return "", err
	}
	return file, keep(file, data)
}

// capture is the name of that file.
func (s Scenario) capture(cache string) string {
	return filepath.Join(cache, "calls", fmt.Sprintf("%s-%d-%s-%s-%s-%ds-r%d-%d.pcapng",
		s.Workload, s.Participants, s.Codec, s.Layers, s.Cameras, s.Seconds, recipe, wire))
}

func (c call) capture() ([]byte, error) {
	settings, err := json.Marshal(callreel.RecordingConfig{Conversation: "bench", ID: "bench"})
	if err != nil {
		return nil, err
	}
	w := captureWriter{data: capture.AppendHeader(nil)}
	w.event(began, capture.Event{Type: capture.Recording, Version: capture.Version, Clock: began.Add(-time.Second), Settings: settings})
	var packets []captured
	for i, p := range c.parties {
		stay := uint32(i + 1)
		w.event(began, capture.Event{Type: capture.Join, Flow: capture.Flow{Stay: stay}, Participant: p.id, Name: p.id})
		for k, s := range p.sends {
			flow := capture.Flow{Stay: stay, Layer: uint16(k)}
			w.event(began, capture.Event{Type: capture.Added, Flow: flow, Participant: p.id, Track: capture.TrackOf(s.track(p.id, ssrc(i, k)))})
			// Not all in step, as cameras are not.
			phase := time.Duration(i) * 3700 * time.Microsecond
			packets = append(packets, s.packets(flow, ssrc(i, k), phase)...)
		}
	}
	slices.SortStableFunc(packets, func(a, b captured) int { return a.at.Compare(b.at) })
	for _, p := range packets {
		w.packet(p)
	}
	end := began.Add(time.Duration(c.scenario.Seconds) * time.Second)
	w.event(end, capture.Event{Type: capture.Stop, Reason: string(callreel.EndStopped)})
	return w.data, w.err
}

func ssrc(party, stream int) uint32 { return uint32(1000*(party+1) + stream) }

func (s sent) track(id string, ssrc uint32) ingest.TrackInfo {
	t := ingest.TrackInfo{
		Participant: ingest.Participant{ID: id}, MimeType: s.MIME, ClockRate: uint32(s.Clock), RID: s.rid, SSRC: ssrc,
		RequestKeyFrame: func() {},
	}
	if s.screen {
		t.Role = ingest.Screen
	}
	return t
}

// captured is a packet that arrived.
type captured struct {
	at     time.Time
	flow   capture.Flow
	rtp    *rtp.Packet
	report *rtcp.SenderReport
}

// packets are those of a stream, and a sender report each second. Each frame
// comes as a burst.
func (s sent) packets(flow capture.Flow, ssrc uint32, phase time.Duration) (all []captured) {
	const gap = 100 * time.Microsecond
	pl, seq, octets := newPayloader(s.coded), uint16(ssrc), uint32(0)
	begin := began.Add(phase)
	reported := 0
	for n, f := range s.Frames {
		units := n * s.Step
		taken := begin.Add(time.Duration(units) * time.Second / time.Duration(s.Clock))
		stamp := ssrc*7919 + uint32(units)
		at := taken.Add(transit)
		if units >= reported*s.Clock {
			reported++
			all = append(all, captured{at: at, flow: flow, report: &rtcp.SenderReport{
				SSRC: ssrc, NTPTime: timebase.NTP(taken), RTPTime: stamp, PacketCount: uint32(len(all)), OctetCount: octets,
			}})
		}
		if len(f.Data) == 0 {
			continue
		}
		parts := pl.payloads(f)
		for i, part := range parts {
			seq++
			octets += uint32(len(part))
			all = append(all, captured{at: at.Add(time.Duration(i+1) * gap), flow: flow, rtp: &rtp.Packet{
				Header: rtp.Header{
					Version: 2, PayloadType: 96, SSRC: ssrc, SequenceNumber: seq, Timestamp: stamp, Marker: i == len(parts)-1,
				},
				Payload: part,
			}})
		}
	}
	return all
}

// captureWriter appends to a capture until something fails.
type captureWriter struct {
	data []byte
	err  error
}

func (w *captureWriter) event(at time.Time, e capture.Event) {
	e.At = at
	if w.err == nil {
		w.data, w.err = capture.AppendEvent(w.data, at, e)
	}
}

func (w *captureWriter) packet(p captured) {
	switch {
	case w.err != nil:
	case p.rtp != nil:
		w.data, w.err = capture.AppendRTP(w.data, p.at, p.flow, p.rtp)
	default:
		w.data, w.err = capture.AppendRTCP(w.data, p.at, p.flow, p.report)
	}
}
