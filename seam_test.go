package callreel_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/capture"
)

// redundant makes payload n of a stream whose packets repeat earlier ones.
type redundant struct {
	mime     string
	payloads ingest.Payloads
	sent     uint8  // payload type
	step     uint32 // of the time stamps
	payload  func(n int) []byte
}

// tag is what packet n is known by, within an Opus packet of nothing else.
func tag(n int) []byte { return fmt.Appendf([]byte{0xf8}, "packet %06d", n) }

func red(n int) []byte {
	p := []byte{0x80 | 111, 1920 >> 6, 1920 << 2 & 0xff, 14, 0x80 | 111, 960 >> 6, 960 << 2 & 0xff, 14, 111}
	return bytes.Join([][]byte{p, tag(n - 2), tag(n - 1), tag(n)}, nil)
}

// fec protects the two packets before as well, in the way of RFC 5109.
func fec(n int) []byte {
	if n%4 > 0 {
		return append([]byte{96}, tag(n)...)
	}
	p := binary.BigEndian.AppendUint16([]byte{122, 0, 0}, uint16(n-2))
	return bytes.Join([][]byte{append(p, make([]byte, 6)...), {0, 28, 0xc0, 0}, tag(n - 2), tag(n - 1)}, nil)
}

// lbrr is SILK with the packet before at a lower rate.
func lbrr(n int) []byte {
	return bytes.Join([][]byte{{1 << 3, 0x40}, tag(n - 1), tag(n)}, nil)
}

// Packets from after a pause carry copies of those from within it. Nothing of
// these is kept, and nothing else is missing.
func TestRedundancyDoesNotReachIntoAPause(t *testing.T) {
	for name, c := range map[string]redundant{
		"RED":    {"audio/opus", ingest.Payloads{Media: 111, RED: 63}, 63, 960, red},
		"ULPFEC": {"video/VP8", ingest.Payloads{Media: 96, RED: 116, ULPFEC: 122}, 116, 1800, fec},
		"LBRR":   {"audio/opus", ingest.Payloads{}, 111, 960, lbrr},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				w, err := r.conversation("room").AddTrack(ingest.TrackInfo{
					Participant: ingest.Participant{ID: "ann"}, MimeType: c.mime, Payloads: c.payloads,
				})
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				send := func(count int) {
					for range count {
						p := &rtp.Packet{
							Header:  rtp.Header{Version: 2, PayloadType: c.sent, SSRC: 7, SequenceNumber: uint16(n), Timestamp: c.step * uint32(n), Marker: true},
							Payload: c.payload(n),
						}
						if err := w.WriteRTP(p, time.Now()); err != nil {
							t.Fatal(err)
						}
						n++
						time.Sleep(20 * time.Millisecond)
					}
				}
				send(50)
				cfg := smallConfig("room")
				cfg.Capture = true
				rec := r.start(cfg)
				send(50)
				if err := rec.Pause(t.Context()); err != nil {
					t.Fatal(err)
				}
				from := n
				send(51)
				if err := rec.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
				to := n
				send(100)
				res := r.stop(rec)
				if err := w.Close(); err != nil {
					t.Error(err)
				}
				data, err := os.ReadFile(filepath.Join(r.dir, "store", filepath.FromSlash(res.Capture)))
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					within := i < 49 || i >= from && i < to
					if found := bytes.Contains(data, tag(i)); found && within {
						t.Errorf("packet %d is in the capture", i)
					}
				}
				if got := len(sequence(t, data)); got < 148 {
					t.Errorf("%d packets", got)
				}
				for _, i := range []int{from - 1, to + 2} {
					if !bytes.Contains(data, tag(i)) {
						t.Errorf("packet %d is not in the capture", i)
					}
				}
			})
		})
	}
}

// sequence returns the sequence numbers of a capture.
func sequence(t *testing.T, data []byte) (out []uint16) {
	t.Helper()
	r := capture.NewReader(bytes.NewReader(data))
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.RTP != nil {
			out = append(out, rec.RTP.SequenceNumber)
		}
	}
}
