package whip_test

import (
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// dropper is an interceptor that loses every tenth packet of a stream once.
type dropper struct {
	interceptor.NoOp
	mu      sync.Mutex
	dropped map[uint16]bool
}

func (d *dropper) NewInterceptor(string) (interceptor.Interceptor, error) { return d, nil }

func (d *dropper) BindLocalStream(s *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if h.SSRC == s.SSRC && h.SequenceNumber > 100 && h.SequenceNumber%10 == 0 && !d.dropped[h.SequenceNumber] {
			d.dropped[h.SequenceNumber] = true
			return len(payload), nil
		}
		return w.Write(h, payload, a)
	})
}

// receiver is a conversation's receiver of a track, which asks for what it misses.
type receiver struct {
	*ingest.Receiver
	since time.Time
	asked []uint16
	came  map[uint16]bool
	twice []uint16 // asked for although they had come
}

func newReceiver(t *testing.T, info ingest.TrackInfo) *receiver {
	t.Helper()
	codec, err := ingest.CodecByMime(info.MimeType)
	if err != nil {
		t.Fatal(err)
	}
	r := ingest.NewReceiver(ingest.ReceiverConfig{
		Codec: codec, Payloads: info.Payloads, Extensions: info.Extensions, MaxWait: timebase.Second,
	})
	return &receiver{Receiver: r, since: time.Now(), came: map[uint16]bool{}}
}

func (r *receiver) receive(info ingest.TrackInfo, p *rtp.Packet) {
	now := timebase.FromDuration(time.Since(r.since))
	r.came[p.SequenceNumber] = true
	r.Push(p.Clone(), now)
	missing := r.WantPackets(now, nil)
	if len(missing) == 0 {
		return
	}
	r.asked = append(r.asked, missing...)
	for _, seq := range missing {
		if r.came[seq] {
			r.twice = append(r.twice, seq)
		}
	}
	info.RequestPackets(missing)
}

// Lost packets are asked for by who receives the track, and by nobody else, and
// come again by a retransmission stream.
func TestRetransmission(t *testing.T) {
	f := serve(t, nil)
	m, r := &webrtc.MediaEngine{}, &interceptor.Registry{}
	responder, err := nack.NewResponderInterceptor()
	if err = errors.Join(err, m.RegisterDefaultCodecs()); err != nil {
		t.Fatal(err)
	}
	lossy := &dropper{dropped: map[uint16]bool{}}
	r.Add(lossy) // next to the network
	r.Add(responder)
	var got *receiver
	f.sink.receive = func(track *fakeTrack, p *rtp.Packet) {
		if got == nil {
			got = newReceiver(t, track.info)
		}
		got.receive(track.info, p)
	}
	p := newPublisherWith(t, f, m, r)
	tracks := p.add(vp8)
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)
	f.sink.wait(t, "repairs", func() bool { return got != nil && got.Stats().Repaired >= 15 })
	p.stop()

	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	if st := got.Stats(); st.Lost > 0 || len(got.twice) > 0 {
		t.Errorf("%+v, asked for again though they had come: %v", st, got.twice)
	}
	for range got.asked {
		if seq := <-p.nacked; !slices.Contains(got.asked, seq) || seq%10 != 0 {
			t.Errorf("packet %d was asked for", seq)
		}
	}
	if len(p.nacked) > 0 {
		t.Errorf("%d more packets were asked for", len(p.nacked))
	}
}

// register adds codecs to those of a publisher.
func register(t *testing.T, m *webrtc.MediaEngine, kind webrtc.RTPCodecType, cs ...webrtc.RTPCodecParameters) {
	t.Helper()
	for _, c := range cs {
		if err := m.RegisterCodec(c, kind); err != nil {
			t.Fatal(err)
		}
	}
}

func parameters(c webrtc.RTPCodecCapability, payloadType webrtc.PayloadType) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: payloadType}
}

var (
	opusRED  = webrtc.RTPCodecCapability{MimeType: "audio/red", ClockRate: 48000, Channels: 2, SDPFmtpLine: "109/109"}
	videoRED = webrtc.RTPCodecCapability{MimeType: "video/red", ClockRate: 90000}
	ulpfec   = webrtc.RTPCodecCapability{MimeType: "video/ulpfec", ClockRate: 90000}
	vp8RTX   = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"}
)

// formats returns the payload types of the answer's first section, in order.
func (p *publisher) formats() []string {
	line := regexp.MustCompile(`(?m)^m=\S+ \S+ \S+ (.*?)\r?$`).FindStringSubmatch(p.RemoteDescription().SDP)
	return strings.Fields(line[1])
}

// The answer prefers RED. A track is Opus whether its packets come in RED or not.
func TestAudioRED(t *testing.T) {
	f := serve(t, nil)
	m := &webrtc.MediaEngine{}
	register(t, m, webrtc.RTPCodecTypeAudio, parameters(opus, 109), parameters(opusRED, 98))
	p := newPublisherWith(t, f, m, &interceptor.Registry{})
	tracks := p.add(opusRED)
	p.publish(ann, p.offer(true, nil))
	if got := p.formats(); !slices.Equal(got, []string{"98", "109"}) {
		t.Errorf("answered formats %v", got)
	}
	plain, err := webrtc.NewTrackLocalStaticRTP(opus, "audio", "stream")
	if err != nil {
		t.Fatal(err)
	}
	p.sendTalk(tracks[0], plain)
	f.sink.wait(t, "packets of both kinds", func() bool { return len(f.sink.open(60)) == 1 })

	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	info := f.sink.tracks[0].info
	if len(f.sink.tracks) != 1 || info.MimeType != webrtc.MimeTypeOpus || info.Payloads != (ingest.Payloads{Media: 109, RED: 98}) ||
		info.RequestPackets != nil {
		t.Errorf("%d tracks, %+v", len(f.sink.tracks), info)
	}
	r := newReceiver(t, info)
	for _, pkt := range f.sink.tracks[0].packets {
		r.Push(pkt, 0)
	}
	r.Advance(2 * timebase.Second)
	if st := r.Stats(); st.Recovered < 5 || st.Units != st.Packets+st.Recovered || st.Unlisted+st.Malformed > 0 {
		t.Errorf("%+v", st)
	}
}

// sendTalk sends packets in RED, each with the one before and some left out, and
// then plain ones, until the publisher is closed.
func (p *publisher) sendTalk(red, plain *webrtc.TrackLocalStaticRTP) {
	done := make(chan struct{})
	p.stop = func() { close(done) }
	p.wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		track := red
		for seq := uint16(1); ; seq++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			payload := []byte{0x78, byte(seq)}
			if track == red {
				head := binary.BigEndian.AppendUint32(nil, 1<<31|109<<24|960<<10|2)
				payload = append(head, 109, 0x78, byte(seq-1), 0x78, byte(seq))
			}
			if track == plain || seq%4 != 0 {
				_ = track.WriteRTP(&rtp.Packet{ // fails while not connected
					Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960}, Payload: payload,
				})
			}
			if track == red && len(p.server.sink.arrived()) >= 30 {
				track = plain
				if err := p.GetSenders()[0].ReplaceTrack(plain); err != nil {
					p.t.Error(err)
				}
			}
		}
	})
}

// arrived returns the packets of the first track.
func (s *fakeSink) arrived() []*rtp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tracks) == 0 {
		return nil
	}
	return s.tracks[0].packets
}

// Error correction is for publishers that can't retransmit.
func TestULPFEC(t *testing.T) {
	offered := []webrtc.RTPCodecParameters{parameters(vp8, 96), parameters(videoRED, 118), parameters(ulpfec, 120)}
	tests := []struct {
		name   string
		codecs []webrtc.RTPCodecParameters
		want   []string
	}{
		{"without retransmission", offered, []string{"96", "118", "120"}},
		{"with retransmission", append(offered[:3:3], parameters(vp8RTX, 97)), []string{"96", "97"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := serve(t, nil)
			m := &webrtc.MediaEngine{}
			register(t, m, webrtc.RTPCodecTypeVideo, tt.codecs...)
			p := newPublisherWith(t, f, m, &interceptor.Registry{})
			p.add(vp8)
			p.publish(ann, p.offer(true, nil))
			if got := p.formats(); !slices.Equal(got, tt.want) {
				t.Errorf("answered formats %v, want %v", got, tt.want)
			}
		})
	}
}

// A track is named by the codec that is in RED, not by what comes first.
func TestVideoRED(t *testing.T) {
	f := serve(t, nil)
	m := &webrtc.MediaEngine{}
	register(t, m, webrtc.RTPCodecTypeVideo, parameters(vp8, 96), parameters(videoRED, 118), parameters(ulpfec, 120))
	p := newPublisherWith(t, f, m, &interceptor.Registry{})
	track := p.add(videoRED)[0]
	p.publish(ann, p.offer(true, nil))
	done := make(chan struct{})
	p.stop = func() { close(done) }
	p.wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(1); ; seq++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			pkt := p.packet(track, seq)
			pkt.Payload = append([]byte{96}, pkt.Payload...)
			if len(f.sink.arrived()) == 0 && seq < 50 || seq%5 == 0 {
				pkt.Payload[0] = 120
			}
			_ = track.WriteRTP(pkt) // fails while not connected
		}
	})
	f.sink.wait(t, "media", func() bool { return len(f.sink.open(20)) == 1 })
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	got := f.sink.tracks[0]
	if got.info.MimeType != webrtc.MimeTypeVP8 || got.info.Payloads != (ingest.Payloads{Media: 96, RED: 118, ULPFEC: 120}) {
		t.Errorf("%+v", got.info)
	}
	fec := 0
	for _, pkt := range got.packets {
		if pkt.Payload[0] == 120 {
			fec++
		}
	}
	if fec == 0 || got.packets[0].Payload[0] != 96 || len(f.sink.tracks) != 1 {
		t.Errorf("%d tracks, %d packets of error correction, the first begins with %x", len(f.sink.tracks), fec, got.packets[0].Payload[:1])
	}
}
