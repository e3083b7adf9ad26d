package callreel_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

// FuzzTrack lets a track have whatever came from the network, RTP or RTCP, behind
// lengths of 8 bits: the clocks take it in although nothing is recorded.
func FuzzTrack(f *testing.F) {
	media, err := packet(1, []byte{0x10, 1, 2, 3}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	report, err := (&rtcp.SenderReport{SSRC: 666, NTPTime: 1 << 60, RTPTime: 3000}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	seed := append([]byte{byte(len(media))}, media...)
	seed = append(append(seed, byte(len(report))), report...)
	f.Add(uint8(0), seed)
	f.Add(uint8(4), append(seed, seed...))
	eng, err := callreel.New(callreel.Config{Storage: storage.Dir(f.TempDir()), Spool: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	conv, err := eng.Conversation("fuzz")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind uint8, in []byte) {
		w, err := conv.AddTrack(ingest.TrackInfo{
			Participant: ingest.Participant{ID: "somebody"}, MimeType: mimes[int(kind)%len(mimes)],
			Payloads: ingest.Payloads{Media: mediaPayload, RED: redPayload},
		})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for len(in) > 0 {
			n := min(int(in[0]), len(in)-1)
			now = now.Add(time.Duration(in[0]) * time.Millisecond)
			p := new(rtp.Packet)
			if err := p.Unmarshal(in[1 : 1+n]); err == nil {
				if err := w.WriteRTP(p, now); err != nil {
					t.Fatal(err)
				}
			}
			if ps, err := rtcp.Unmarshal(in[1 : 1+n]); err == nil {
				if err := w.WriteRTCP(ps, now); err != nil {
					t.Fatal(err)
				}
			}
			in = in[1+n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, known := eng.Lookup("fuzz"); known {
			t.Fatal("the call goes on without anybody")
		}
	})
}
