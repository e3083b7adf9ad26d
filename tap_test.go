package callreel

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/timebase"
)

// slowFile is a file that can be stuck, or fail.
type slowFile struct {
	mu    sync.Mutex // held while it is stuck
	data  bytes.Buffer
	err   error
	calls int
}

func (f *slowFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.err != nil {
		return 0, f.err
	}
	return f.data.Write(p)
}

// bytes returns what is in the file.
func (f *slowFile) bytes() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.data.Bytes())
}

func (f *slowFile) Sync() error  { return f.err }
func (f *slowFile) Close() error { return nil }

// tapRig is a tap with one layer.
type tapRig struct {
	*tap
	layer *layer
	told  chan error
}

func newTapRig(t *testing.T, file captureFile) tapRig {
	t.Helper()
	clock := localClock{time.Now(), time.Now}
	r := tapRig{told: make(chan error, 100)}
	var err error
	r.tap, err = openTap(file, clock, clock.now(), RecordingConfig{}, func(err error) { r.told <- err })
	if err != nil {
		t.Fatal(err)
	}
	m := newMember(ingest.Participant{ID: "ann"}, clock.now(), gate{})
	r.layer = &layer{info: ingest.TrackInfo{ID: "camera/video", MimeType: "video/VP8", ClockRate: 90000}, member: m, conv: unlimited()}
	r.join(m)
	r.open(r.layer, clock.now())
	return r
}

// send lets n packets of a kilobyte arrive.
func (r tapRig) send(n int) {
	for i := range n {
		now := r.clock.now()
		r.rtp(r.layer, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i)}, Payload: make([]byte, 1000)}, now, now)
	}
}

// read returns the packets that are in a file, and those that it says are lost.
func (f *slowFile) read(t *testing.T) (packets int, lost uint64) {
	t.Helper()
	r := capture.NewReader(bytes.NewReader(f.bytes()))
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packets, lost
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case rec.RTP != nil:
			packets++
		case rec.Event != nil:
			lost += rec.Event.Packets
		}
	}
}

func TestCaptureThatDoesNotKeepUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := new(slowFile)
		r := newTapRig(t, file)
		r.send(1)
		time.Sleep(2 * captureFlush)
		file.mu.Lock() // the disk is stuck
		const sent = capturePending/1000 + 1000
		r.send(sent)
		if n := len(r.buf); n > 2*capturePending {
			t.Errorf("%d bytes in memory", n)
		}
		file.mu.Unlock()
		time.Sleep(2 * captureFlush)
		r.send(1)
		if err := r.close(); err != nil {
			t.Error(err)
		}
		if err := <-r.told; !errors.Is(err, errCaptureLate) {
			t.Error(err)
		}
		packets, lost := file.read(t)
		if lost == 0 || packets+int(lost) != sent+2 {
			t.Errorf("%d packets, %d lost of %d", packets, lost, sent+2)
		}
	})
}

func TestCaptureThatCanNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space")
		file := &slowFile{err: full}
		r := newTapRig(t, file)
		for range 5 {
			r.send(1000)
			time.Sleep(captureFlush)
		}
		if err := r.close(); !errors.Is(err, full) {
			t.Error(err)
		}
		if err := <-r.told; !errors.Is(err, full) || len(r.told) > 0 || file.calls != 1 || len(r.buf) > 0 {
			t.Errorf("told %v and %d more; %d writes, %d bytes in memory", err, len(r.told), file.calls, len(r.buf))
		}
	})
}

func TestCaptureIsFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := new(slowFile)
		r := newTapRig(t, file)
		r.send(3)
		time.Sleep(captureFlush + time.Millisecond)
		if n, _ := file.read(t); n != 3 {
			t.Errorf("%d packets after a second", n)
		}
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
}

// Between the moment that a pause is asked for and the one that it begins at,
// packets are kept back.
func TestCaptureHoldsBackForAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := new(slowFile)
		r := newTapRig(t, file)
		r.send(1)
		r.hold()
		from := r.clock.now() + 48
		for _, at := range []int64{-480, 0, 47, 48, 4800} {
			p := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{1}}
			r.rtp(r.layer, p, from, from-48+timebase.Ticks(at))
		}
		r.pause(from, from)
		r.shut(r.layer, r.clock.now())
		time.Sleep(2 * captureFlush)
		before := file.bytes()
		if n, _ := file.read(t); n != 4 {
			t.Errorf("%d packets, want one and the three of before the pause", n)
		}
		r.resume(r.clock.now())
		if err := r.close(); err != nil {
			t.Error(err)
		}
		if after := file.bytes(); !bytes.HasPrefix(after, before) || slices.Equal(after, before) {
			t.Error("the change of the roster was not written when the pause was over")
		}
	})
}

// The first packets after a pause repeat the last ones of it, which the capture
// does not get.
func TestCaptureHasNoRedundancyOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := new(slowFile)
		r := newTapRig(t, file)
		types := ingest.Payloads{Media: 111, RED: 63}
		l := r.layer
		l.info = ingest.TrackInfo{ID: "camera/audio", MimeType: "audio/opus", ClockRate: 48000, Payloads: types}
		codec, err := ingest.CodecByMime(l.info.MimeType)
		if err != nil {
			t.Fatal(err)
		}
		l.codec, l.track, l.clock = codec, &track{ended: never}, l.member.sync.NewMap(48000)
		l.receiver = ingest.NewReceiver(ingest.ReceiverConfig{Codec: codec, Payloads: types})
		const packet = 20 * timebase.Millisecond
		l.member.gate = gate{from: 3 * packet, until: never, tap: r.tap}
		for i := range timebase.Ticks(6) {
			p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 63, SequenceNumber: uint16(i), Timestamp: uint32(i * packet)}}
			for age := min(i, 2); age > 0; age-- { // a byte of each of two earlier packets
				offset := uint32(age * packet)
				p.Payload = append(p.Payload, 0x80|111, byte(offset>>6), byte(offset<<2), 1)
			}
			p.Payload = append(p.Payload, 111)
			for age := min(i, 2); age >= 0; age-- {
				p.Payload = append(p.Payload, byte(i-age))
			}
			if _, _, err := l.write(p, i*packet); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
		var got [][]byte
		for in := capture.NewReader(bytes.NewReader(file.bytes())); ; {
			rec, err := in.Next()
			if err != nil {
				break
			}
			if rec.RTP != nil {
				got = append(got, rec.RTP.Payload[bytes.IndexByte(rec.RTP.Payload, 111)+1:])
			}
		}
		if want := [][]byte{{3}, {3, 4}, {3, 4, 5}}; !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
