package whip

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

const (
	reportInterval    = time.Second
	transportInterval = 100 * time.Millisecond
	maxBlocks         = 31 // of a receiver report
)

// feedback tells the publisher of a session how its packets arrive: by receiver
// reports (RFC 3550, section 6.4.2), and by the times at which they came
// (transport-wide congestion control). The stack's own interceptors date packets when
// they are read, and hand each to another goroutine.
type feedback struct {
	interceptor.NoOp

	arrivals *arrivals
	ssrc     uint32 // of the reports
	done     chan struct{}
	wg       sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	writer    interceptor.RTCPWriter
	streams   map[uint32]*feedbackStream
	transport *twcc.Recorder
	told      time.Time // when the transport's feedback was made last
}

func newFeedback(a *arrivals) *feedback {
	return &feedback{
		arrivals: a, ssrc: rand.Uint32(), done: make(chan struct{}), streams: make(map[uint32]*feedbackStream),
		transport: twcc.NewRecorder(rand.Uint32()),
	}
}

// NewInterceptor implements interceptor.Factory, for the one connection of the session.
func (f *feedback) NewInterceptor(string) (interceptor.Interceptor, error) { return f, nil }

// BindRTCPWriter begins to report.
func (f *feedback) BindRTCPWriter(w interceptor.RTCPWriter) interceptor.RTCPWriter {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writer = w; !f.closed {
		f.wg.Go(f.run)
	}
	return w
}

func (f *feedback) run() {
	tick := time.NewTicker(reportInterval)
	defer tick.Stop()
	for {
		select {
		case <-f.done:
			return
		case now := <-tick.C:
			f.send(f.reports(now))
		}
	}
}

// send does what it can: what is lost the next report tells again, and before the
// connection is there nobody would hear it.
func (f *feedback) send(packets []rtcp.Packet) {
	if len(packets) > 0 {
		_, _ = f.writer.Write(packets, nil)
	}
}

// reports returns what there is to tell each second.
func (f *feedback) reports(now time.Time) []rtcp.Packet {
	f.mu.Lock()
	defer f.mu.Unlock()
	var packets []rtcp.Packet
	var blocks []rtcp.ReceptionReport
	for _, x := range f.streams {
		if b, ok := x.reception.block(now); ok {
			blocks = append(blocks, b)
		}
	}
	for some := range slices.Chunk(blocks, maxBlocks) {
		packets = append(packets, &rtcp.ReceiverReport{SSRC: f.ssrc, Reports: some})
	}
	return append(packets, f.tell(now)...)
}

// tell returns the transport's feedback; mu is held.
func (f *feedback) tell(now time.Time) []rtcp.Packet {
	f.told = now
	return f.transport.BuildFeedbackPacket()
}

// BindRemoteStream sees the packets of a stream as they are read.
func (f *feedback) BindRemoteStream(info *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	x := &feedbackStream{feedback: f, reader: r, reception: newReception(info.SSRC, info.ClockRate)}
	if i := slices.IndexFunc(info.RTPHeaderExtensions, func(e interceptor.RTPHeaderExtension) bool {
		return e.URI == sdp.TransportCCURI
	}); i >= 0 {
		x.extension = uint8(info.RTPHeaderExtensions[i].ID)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams[info.SSRC] = x
	return x
}

// stream returns what takes note of a stream's packets that are not read. It must
// have been bound; otherwise nothing is noted.
func (f *feedback) stream(ssrc uint32) (note func(packet []byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.streams[ssrc]; x != nil {
		return x.note
	}
	return func([]byte) {}
}

// UnbindRemoteStream forgets a stream.
func (f *feedback) UnbindRemoteStream(info *interceptor.StreamInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.streams, info.SSRC)
}

// BindRTCPReader sees the senders' reports.
func (f *feedback) BindRTCPReader(r interceptor.RTCPReader) interceptor.RTCPReader {
	return interceptor.RTCPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, a, err := r.Read(b, a)
		if err != nil {
			return n, a, err
		}
		packets, _ := rtcp.Unmarshal(b[:n]) // whoever reads them finds out what is wrong
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				f.sender(sr)
			}
		}
		return n, a, nil
	})
}

func (f *feedback) sender(sr *rtcp.SenderReport) {
	at := f.arrivals.of(rtcpKey(sr.SSRC), time.Now())
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.streams[sr.SSRC]; x != nil {
		x.reception.sender(sr, at)
	}
}

// Close ends the reports.
func (f *feedback) Close() error {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.done)
	}
	f.mu.Unlock()
	f.wg.Wait()
	return nil
}

// feedbackStream is one stream.
type feedbackStream struct {
	feedback  *feedback
	reader    interceptor.RTPReader
	extension uint8 // of the transport's sequence number; 0 without

	// The feedback's lock guards these.
	header    rtp.Header // of the packet that is noted
	reception *reception
}

// Read implements interceptor.RTPReader.
func (x *feedbackStream) Read(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
	n, a, err := x.reader.Read(b, a)
	if err == nil {
		x.note(b[:n])
	}
	return n, a, err
}

// note takes in a packet, and sends what there is to tell.
func (x *feedbackStream) note(packet []byte) { x.feedback.send(x.record(packet, time.Now())) }

func (x *feedbackStream) record(packet []byte, now time.Time) []rtcp.Packet {
	h, f := &x.header, x.feedback
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := h.Unmarshal(packet); err != nil {
		return nil
	}
	at := f.arrivals.of(rtpKey(h.SSRC, h.SequenceNumber), now)
	x.reception.packet(h, at)
	var transport rtp.TransportCCExtension
	if x.extension == 0 || transport.Unmarshal(h.GetExtension(x.extension)) != nil {
		return nil
	}
	f.transport.Record(h.SSRC, transport.TransportSequence, at.Sub(f.arrivals.begin).Microseconds())
	if now.Sub(f.told) < transportInterval {
		return nil
	}
	return f.tell(now)
}
