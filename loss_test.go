package callreel_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
)

// A packet that is sent again most of the composing delay after it was missed
// is still in time. It may be handed over from within the request.
func TestLossIsRepaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const again = 600 * time.Millisecond
		r := newRig(t)
		var w ingest.Writer
		write := func(seq uint16) {
			p := &rtp.Packet{
				Header:  rtp.Header{Version: 2, SSRC: 7, SequenceNumber: seq, Timestamp: 960 * uint32(seq)},
				Payload: []byte{0xf8, 0xff, 0xfe},
			}
			if err := w.WriteRTP(p, time.Now()); err != nil {
				t.Error(err)
			}
		}
		var mu sync.Mutex
		first := map[uint16]time.Time{}
		since := func(seq uint16) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			if first[seq].IsZero() {
				first[seq] = time.Now()
			}
			return time.Since(first[seq])
		}
		w, err := r.conversation("room").AddTrack(ingest.TrackInfo{
			Participant: ingest.Participant{ID: "ann"}, MimeType: "audio/opus",
			RequestPackets: func(seqs []uint16) {
				for _, seq := range seqs {
					if since(seq) >= again {
						write(seq)
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		rec := r.start(smallConfig("room"))
		for seq := range uint16(250) {
			if seq == 0 || seq%10 != 0 || seq > 200 {
				write(seq)
			}
			time.Sleep(20 * time.Millisecond)
		}
		res := r.stop(rec)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		for s := range res.Report.Tracks() {
			if got := s.Received(); got.Lost != 0 || got.Repaired < 18 || s.Sound == nil || s.Sound.Concealed.Count > 0 {
				t.Errorf("%+v, %+v", got, s.Sound)
			}
		}
	})
}

// Nothing is asked of a track that is closed, though what came of it is still
// to be composed and its last picture stands.
func TestNothingIsAskedOfAClosedTrack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		packets, sizes := 0, 0
		w, err := conv.AddTrack(ingest.TrackInfo{
			Participant: ingest.Participant{ID: "ann"}, MimeType: "video/VP8",
			RequestPackets: func([]uint16) { packets++ }, RequestSize: func(int, int) { sizes++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		cfg := smallConfig("room")
		cfg.RejoinGrace = 0
		rec := r.start(cfg)
		time.Sleep(2 * time.Second)
		for _, seq := range []uint16{1, 3} {
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7, SequenceNumber: seq}, Payload: []byte{0x10, 0x31, 0, 0}}
			if err := w.WriteRTP(p, time.Now()); err != nil {
				t.Error(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		packets, sizes = 0, 0
		var left []func()
		for _, id := range []string{"x", "y", "z"} { // so that ann's tile is smaller
			out, err := conv.Join(ingest.Participant{ID: id})
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, out)
		}
		time.Sleep(2 * time.Second)
		r.stop(rec)
		for _, out := range left {
			out()
		}
		if packets+sizes > 0 {
			t.Errorf("packets asked for %d times, sizes %d times", packets, sizes)
		}
	})
}

// What came before a short pause is not lost with a packet that is missing there.
func TestLossBeforeAShortPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		w, err := r.conversation("room").AddTrack(ingest.TrackInfo{Participant: ingest.Participant{ID: "ann"}, MimeType: "audio/opus"})
		if err != nil {
			t.Fatal(err)
		}
		rec := r.start(smallConfig("room"))
		for seq := range uint16(150) {
			if seq == 100 {
				if err := rec.Pause(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if seq == 115 {
				if err := rec.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			p := &rtp.Packet{
				Header:  rtp.Header{Version: 2, SSRC: 7, SequenceNumber: seq, Timestamp: 960 * uint32(seq)},
				Payload: []byte{0xf8, 0xff, 0xfe},
			}
			if seq != 70 {
				if err := w.WriteRTP(p, time.Now()); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		res := r.stop(rec)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		s := track(t, res.Report, "ann", "audio")
		if s.Decoded != 134 || s.Received().Lost != 1 || s.Sound.Concealed.Count != 1 {
			t.Errorf("%+v %+v", s, s.Sound)
		}
	})
}
