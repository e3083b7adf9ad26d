package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"image"
	"io"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/callreel/callreel/internal/codec"
)

// witness is a second receiver of what a browser sends to a call, on a connection
// of its own. It keeps what comes and knows nothing of arrival: it tells when
// something was captured by RTP timestamps and sender reports alone.
type witness struct {
	t    *testing.T
	pc   *webrtc.PeerConnection
	wg   sync.WaitGroup
	mu   sync.Mutex
	seen map[webrtc.RTPCodecType]*testimony
}

// testimony is what came of a track.
type testimony struct {
	clock   int64 // Hz
	packets []*rtp.Packet
	reports []report
}

// report is what a sender report relates.
type report struct {
	rtp uint32
	at  time.Time
}

// publishAgain sends the tracks that the page has in its call to another peer too.
const publishAgain = `(async () => {
  const pc = callreel.witness = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const { track } of callreel.pc.getSenders()) {
    const transceiver = pc.addTransceiver(track, { direction: "sendonly" });
    if (track.kind === "video") {
      const { codecs } = RTCRtpSender.getCapabilities("video");
      transceiver.setCodecPreferences(codecs.filter((c) => /\/(vp8|rtx)$/i.test(c.mimeType)));
    }
  }
  const gathered = new Promise((done) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
  });
  await pc.setLocalDescription();
  await gathered;
  return pc.localDescription.sdp;
})()`

// witness lets a second receiver see what the page of a call sends.
func (b tab) witness() *witness {
	b.t.Helper()
	w := &witness{t: b.t, seen: make(map[webrtc.RTPCodecType]*testimony)}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	var err error
	w.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	must(b.t, err)
	b.t.Cleanup(w.close)
	w.pc.OnTrack(w.receive)
	offer, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](publishAgain, chromedp.EvalAwaitPromise))
	must(b.t, err)
	answer, err := json.Marshal(w.answer(offer))
	must(b.t, err)
	b.do(
		chromedp.Evaluate[chromedp.Void]("callreel.witness.setRemoteDescription("+string(answer)+")", chromedp.EvalAwaitPromise),
		until("callreel.witness.connectionState === 'connected'"),
	)
	return w
}

func (w *witness) answer(offer string) webrtc.SessionDescription {
	w.t.Helper()
	must(w.t, w.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
	answer, err := w.pc.CreateAnswer(nil)
	must(w.t, err)
	gathered := webrtc.GatheringCompletePromise(w.pc)
	must(w.t, w.pc.SetLocalDescription(answer))
	<-gathered
	return *w.pc.LocalDescription()
}

// receive keeps the packets and reports of a track until the connection is closed.
func (w *witness) receive(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	seen := &testimony{clock: int64(track.Codec().ClockRate)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[track.Kind()] = seen
	w.wg.Go(func() {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			w.mu.Lock()
			seen.packets = append(seen.packets, p)
			w.mu.Unlock()
		}
	})
	w.wg.Go(func() {
		for {
			packets, _, err := receiver.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == uint32(track.SSRC()) {
					w.mu.Lock()
					seen.reports = append(seen.reports, report{sr.RTPTime, ntp(sr.NTPTime)})
					w.mu.Unlock()
				}
			}
		}
	})
}

// ntp converts an NTP timestamp (RFC 3550, section 4).
func ntp(v uint64) time.Time {
	const to1970 = 2208988800 // s from 1900
	return time.Unix(int64(v>>32)-to1970, int64(v&0xffffffff)*int64(time.Second)>>32)
}

func (w *witness) close() {
	if err := w.pc.GracefulClose(); err != nil && !errors.Is(err, io.EOF) {
		w.t.Error(err)
	}
	w.wg.Wait()
}

// awaitReports waits until the reports of both tracks relate them.
func (w *witness) awaitReports() {
	w.t.Helper()
	eventually(w.t, func() (bool, string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, seen := range w.seen {
			if len(seen.reports) == 0 {
				return false, "a sender report"
			}
		}
		return len(w.seen) == 2, "both tracks"
	})
}

// of returns what came of a track, in the order in which it was sent, once the
// witness is closed.
func (w *witness) of(kind webrtc.RTPCodecType) *testimony {
	w.t.Helper()
	seen := w.seen[kind]
	if seen == nil || len(seen.packets) == 0 || len(seen.reports) == 0 {
		w.t.Fatalf("the witness got no %v", kind)
	}
	first := seen.packets[0].SequenceNumber
	slices.SortStableFunc(seen.packets, func(a, b *rtp.Packet) int { // by far less than all numbers
		return cmp.Compare(a.SequenceNumber-first+1<<14, b.SequenceNumber-first+1<<14)
	})
	seen.packets = slices.CompactFunc(seen.packets, func(a, b *rtp.Packet) bool { return a.SequenceNumber == b.SequenceNumber })
	return seen
}

// captured returns when what has an RTP timestamp was captured, by the sender's
// clock and its report closest to it.
func (s *testimony) captured(stamp uint32) time.Time {
	closest := slices.MinFunc(s.reports, func(a, b report) int {
		return cmp.Compare(s.since(a.rtp, stamp).Abs(), s.since(b.rtp, stamp).Abs())
	})
	return closest.at.Add(s.since(closest.rtp, stamp))
}

// since returns how long a timestamp is after another.
func (s *testimony) since(from, to uint32) time.Duration {
	return time.Duration(int32(to-from)) * time.Second / time.Duration(s.clock)
}

// pictures decodes VP8, and yields when each picture was captured.
func (w *witness) pictures() iter.Seq2[time.Time, *image.YCbCr] {
	return func(yield func(time.Time, *image.YCbCr) bool) {
		seen := w.of(webrtc.RTPCodecTypeVideo)
		d, err := codec.NewVideoDecoder(webrtc.MimeTypeVP8)
		must(w.t, err)
		defer d.Close()
		var unit []byte
		for _, p := range seen.packets {
			var part codecs.VP8Packet
			payload, err := part.Unmarshal(p.Payload)
			if err != nil {
				continue // padding
			}
			unit = append(unit, payload...)
			if !p.Marker {
				continue
			}
			fresh, _ := d.Decode(unit) // what can't be decoded is no picture
			unit = unit[:0]
			if fresh && !yield(seen.captured(p.Timestamp), d.Picture()) {
				return
			}
		}
	}
}

// sound decodes the Opus to 16 kHz and returns when its first sample was captured.
// What is missing is silent.
func (w *witness) sound() (time.Time, samples) {
	w.t.Helper()
	seen := w.of(webrtc.RTPCodecTypeAudio)
	d, err := codec.NewOpusDecoder()
	must(w.t, err)
	defer d.Close()
	begin := seen.packets[0].Timestamp
	var out samples
	for _, p := range seen.packets {
		pcm, err := d.Decode(p.Payload)
		if err != nil {
			continue
		}
		at := int(int64(p.Timestamp-begin) * sampleRate / seen.clock)
		if end := at + len(pcm); end > len(out) {
			out = append(out, make(samples, end-len(out))...)
		}
		for i, v := range pcm {
			out[at+i] = float64(v)
		}
	}
	return seen.captured(begin), out
}
