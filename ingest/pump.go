package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// ErrClosed is returned by a [Writer] whose track is gone.
var ErrClosed = errors.New("ingest: track is closed")

// Pump copies packets from read to w until read fails, w is closed or ctx ends,
// and closes w. The type of read is that of TrackRemote.ReadRTP in
// pion/webrtc. The end of the track (io.EOF), of ctx and of w are no errors.
// Ending ctx does not interrupt a read that is under way.
func Pump(ctx context.Context, w Writer, read func() (*rtp.Packet, interceptor.Attributes, error)) (err error) {
	defer func() { err = errors.Join(err, w.Close()) }()
	for ctx.Err() == nil {
		p, _, err := read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read RTP: %w", err)
		}
		if err := w.WriteRTP(p, time.Now()); err != nil {
			if errors.Is(err, ErrClosed) {
				return nil
			}
			return err
		}
	}
	return nil
}
