package ingest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// fakeWriter takes room packets and then fails with full.
type fakeWriter struct {
	room   int
	full   error
	got    []uint16
	closed int
	close  error
}

func (w *fakeWriter) WriteRTP(p *rtp.Packet, _ time.Time) error {
	if len(w.got) == w.room {
		return w.full
	}
	w.got = append(w.got, p.SequenceNumber)
	return nil
}

func (w *fakeWriter) WriteRTCP([]rtcp.Packet, time.Time) error { return nil }

func (w *fakeWriter) Close() error {
	w.closed++
	return w.close
}

func TestPump(t *testing.T) {
	errDisk, errNet := errors.New("disk"), errors.New("net")
	tests := []struct {
		name     string
		w        fakeWriter
		end      error // of read after 3 packets
		want     error
		written  int
		canceled bool
	}{
		{name: "end of track", w: fakeWriter{room: 9}, end: io.EOF, written: 3},
		{name: "read error", w: fakeWriter{room: 9}, end: errNet, want: errNet, written: 3},
		{name: "writer closed", w: fakeWriter{room: 2, full: ErrClosed}, end: io.EOF, written: 2},
		{name: "write error", w: fakeWriter{room: 2, full: errDisk}, end: io.EOF, want: errDisk, written: 2},
		{name: "close error", w: fakeWriter{room: 9, close: errDisk}, end: io.EOF, want: errDisk, written: 3},
		{name: "canceled", w: fakeWriter{room: 9}, end: io.EOF, canceled: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.canceled {
				cancel()
			}
			n := uint16(0)
			err := Pump(ctx, &tt.w, func() (*rtp.Packet, interceptor.Attributes, error) {
				if n == 3 {
					return nil, nil, tt.end
				}
				n++
				return pkt(n, 0, false), nil, nil
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			expect(t, "written", len(tt.w.got), tt.written)
			expect(t, "closed", tt.w.closed, 1)
		})
	}
}
