package callreel_test

import (
	"bytes"
	"errors"
	"image"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/simulate"
	"github.com/callreel/callreel/internal/timebase"
)

// wire is what a capture of one participant says by itself: packets and sender
// reports of each flow.
type wire struct {
	t      testing.TB
	flows  map[capture.Flow]*flow
	length time.Duration // of the recording, in whole frames
}

type flow struct {
	track   capture.Track
	packets []capture.Record
	reports []*rtcp.SenderReport
}

func readWire(t testing.TB, data []byte) wire {
	t.Helper()
	w := wire{t: t, flows: map[capture.Flow]*flow{}}
	var start time.Time
	r := capture.NewReader(bytes.NewReader(data))
	for rec, err := r.Next(); !errors.Is(err, io.EOF); rec, err = r.Next() {
		switch {
		case err != nil:
			t.Fatal(err)
		case rec.Event != nil && rec.Event.Type == capture.Recording:
			start = rec.Event.At
		case rec.Event != nil && rec.Event.Type == capture.Stop:
			w.length = (rec.Event.At.Sub(start) + time.Second/8 - 1).Truncate(time.Second / 8)
		case rec.Event != nil && rec.Event.Type == capture.Added:
			w.flows[rec.Event.Flow] = &flow{track: *rec.Event.Track}
		case rec.RTP != nil:
			f := w.flows[rec.Flow]
			f.packets = append(f.packets, rec)
		}
		for _, p := range rec.RTCP {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				w.flows[rec.Flow].reports = append(w.flows[rec.Flow].reports, sr)
			}
		}
	}
	return w
}

// flow returns that of a codec and layer.
func (w wire) flow(mime, rid string) *flow {
	w.t.Helper()
	for _, f := range w.flows {
		if f.track.MimeType == mime && f.track.RID == rid {
			return f
		}
	}
	w.t.Fatalf("no %s %s in the capture", mime, rid)
	return nil
}

// when returns the sender's time of an RTP timestamp, by the report that is nearest.
func (f *flow) when(ts uint32) time.Time {
	distance := func(sr *rtcp.SenderReport) int64 { return int64(int32(ts - sr.RTPTime)) }
	sr := slices.MinFunc(f.reports, func(a, b *rtcp.SenderReport) int {
		return int(max(distance(a), -distance(a)) - max(distance(b), -distance(b)))
	})
	const since1900 = 2208988800
	ntp := time.Unix(int64(sr.NTPTime>>32)-since1900, int64(sr.NTPTime&0xffffffff*1e9>>32))
	return ntp.Add(time.Duration(distance(sr)) * time.Second / time.Duration(f.track.ClockRate))
}

// units depacketises a flow up to a spatial layer; below zero means all.
func (f *flow) units(t testing.TB, spatial int) (units []ingest.Unit) {
	t.Helper()
	c, err := ingest.CodecByMime(f.track.MimeType)
	if err != nil {
		t.Fatal(err)
	}
	r := ingest.NewReceiver(ingest.ReceiverConfig{Codec: c, Payloads: f.track.Payloads, Extensions: f.track.Extensions, Fmtp: f.track.Fmtp})
	r.Select(spatial, -1)
	start := f.packets[0].Time
	for _, p := range f.packets {
		r.Push(p.RTP, timebase.FromDuration(p.Time.Sub(start)))
		for u, ok := r.Pop(); ok; u, ok = r.Pop() {
			units = append(units, u)
		}
	}
	return units
}

// picture is one as it was sent.
type picture struct {
	drawn time.Duration // by its strip
	sent  time.Time     // by the sender's clock
	img   *image.YCbCr
}

// pictures decodes all pictures of a flow whose strips can be read.
func (f *flow) pictures(t testing.TB, spatial int) (out []picture) {
	t.Helper()
	dec, err := codec.NewVideoDecoder(f.track.MimeType)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for _, u := range f.units(t, spatial) {
		fresh, err := dec.Decode(u.Data)
		if err != nil {
			t.Fatal(err)
		}
		if !fresh {
			continue
		}
		img := dec.Picture()
		s, ok := simulate.ReadStrip(img, img.Rect)
		if !ok {
			t.Fatalf("%s %s: no strip in the picture of %v", f.track.MimeType, f.track.RID, f.when(uint32(u.RTP)))
		}
		out = append(out, picture{s.Time, f.when(uint32(u.RTP)), clonePicture(img)})
	}
	return out
}

func clonePicture(img *image.YCbCr) *image.YCbCr {
	c := image.NewYCbCr(image.Rectangle{Max: img.Rect.Size()}, image.YCbCrSubsampleRatio420)
	for y := range c.Rect.Dy() {
		copy(c.Y[y*c.YStride:][:c.Rect.Dx()], img.Y[y*img.YStride:])
	}
	for y := range (c.Rect.Dy() + 1) / 2 {
		copy(c.Cb[y*c.CStride:][:c.CStride], img.Cb[y*img.CStride:])
		copy(c.Cr[y*c.CStride:][:c.CStride], img.Cr[y*img.CStride:])
	}
	return c
}

// beeps returns when beeps begin, by the sender's clock. Nothing may be missing.
func (f *flow) beeps(t testing.TB, hertz float64) (at []time.Time) {
	t.Helper()
	dec, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	units := f.units(t, -1)
	m := movie{t: t}
	for _, u := range units {
		if want := int(u.RTP-units[0].RTP) / 3; len(m.pcm) != want {
			t.Fatalf("%d samples were sent before what belongs at %d", len(m.pcm), want)
		}
		pcm, err := dec.Decode(u.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range pcm {
			m.pcm = append(m.pcm, float64(v))
		}
	}
	for _, s := range m.beeps(hertz) {
		at = append(at, f.when(uint32(units[0].RTP)+uint32(s*48000)))
	}
	return at
}
