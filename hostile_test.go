package callreel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

const (
	siegeLength = 6 * time.Second
	siegeHeap   = 48 << 20  // bytes that an attack may cost of Go's memory,
	siegeMemory = 600 << 20 // and of all
)

// attacker is somebody with the right to publish who means harm.
type attacker struct {
	t    *testing.T
	sink ingest.Sink
	who  ingest.Participant
	rng  *rand.Rand
}

// siege is what came of an attack.
type siege struct {
	*party
	heap, memory int // that were held at its end
	routines     int
}

// assault does harm until ctx ends.
type assault func(ctx context.Context, a *attacker)

// besiege records a call of one guest next to whom others do harm at the same
// time, each in a way of their own, within some limits.
func besiege(t *testing.T, limits callreel.Limits, assaults map[string]assault) siege {
	t.Helper()
	s := siege{party: &party{length: siegeLength}}
	var file string
	dir := t.TempDir() // outlives the bubble
	synctest.Test(t, func(t *testing.T) {
		eng, err := callreel.New(callreel.Config{
			Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool"), Limits: limits,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, dir: dir, eng: eng}
		conv := r.conversation("room")
		s.epoch = time.Now()
		victim := guest(conv, 0, s.epoch)
		s.callers = []*caller{victim}
		leave := r.join(victim)
		time.Sleep(settle)
		rec := r.start(smallConfig("room"))
		heap, memory, routines := usage(t)
		ctx, cancel := context.WithTimeout(t.Context(), siegeLength)
		defer cancel()
		var wg sync.WaitGroup
		for name, do := range assaults {
			a := &attacker{t, conv, ingest.Participant{ID: name}, rand.New(rand.NewPCG(1, 2))}
			wg.Go(func() { do(ctx, a) })
		}
		<-ctx.Done()
		wg.Wait()
		s.heap, s.memory, s.routines = usage(t)
		s.heap, s.memory, s.routines = s.heap-heap, s.memory-memory, s.routines-routines
		s.res = r.stop(rec)
		leave()
		file = r.file(s.res.Chunks[0])
	})
	s.movie = decode(t, file, small)
	s.lasts(siegeLength)
	s.check()
	return s
}

// audible checks that each beep of the guest is where it belongs, and nothing
// else is heard as one. It can't be next to somebody who makes noise.
func (s siege) audible() siege {
	s.t.Helper()
	sound := spreadOf(s.heard(0, 0, siegeLength-time.Second), math.Abs)
	if !(sound.p95 < 0.03) {
		s.t.Errorf("beeps are late by %.1f ms on average, 95th percentile %.1f ms", 1000*sound.mean, 1000*sound.p95)
	}
	s.undisturbed(0, window{})
	return s
}

// usage returns the size of the heap, of the process, and the number of goroutines.
func usage(t *testing.T) (heap, memory, routines int) {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if _, err := fmt.Sscan(string(bytes.Fields(text)[1]), &memory); err != nil {
			t.Fatal(err)
		}
	}
	return int(m.HeapAlloc), memory * os.Getpagesize(), runtime.NumGoroutine()
}

// check sees to it that nothing of the guest was left out, and that the attack
// cost little.
func (s siege) check() {
	t := s.t.(*testing.T)
	t.Helper()
	for _, kind := range []string{"audio", "video"} {
		if got := s.track(0, kind); got.DecodeErrors+got.Withheld+got.Oversize+got.Received().Lost+got.Received().Excess > 0 {
			t.Errorf("the guest's %s: %+v", kind, got)
		}
	}
	if s.res.State != callreel.Completed || s.heap > siegeHeap || s.memory > siegeMemory || s.routines > 2 {
		t.Errorf("%v, %d kB of heap, %d MB in all, %d goroutines more", s.res.State, s.heap>>10, s.memory>>20, s.routines)
	}
	t.Logf("%d kB of heap, %d MB in all, %v of CPU", s.heap>>10, s.memory>>20, s.res.Stats.CPU)
}

// seenBeside checks that the guest's pictures are seen in the first tile, next to
// n others.
func (s siege) seenBeside(n int) {
	s.t.Helper()
	lips(s.seen(0, grid(n + 1)[0], 0, siegeLength), 0).is(s.t.(*testing.T), "pictures", 0)
}

// open announces a track.
func (a *attacker) open(info ingest.TrackInfo) ingest.Writer {
	a.t.Helper()
	info.Participant = a.who
	w, err := a.sink.AddTrack(info)
	if err != nil {
		a.t.Fatal(err)
	}
	return w
}

// flood sends so many packets a second, in bursts of 10 ms, as make makes them.
func (a *attacker) flood(ctx context.Context, w ingest.Writer, rate int, make func(n int) *rtp.Packet) {
	n := 0
	pace(ctx, 10*time.Millisecond, func(int) error {
		for range rate / 100 {
			if err := w.WriteRTP(make(n), time.Now()); err != nil {
				return err
			}
			n++
		}
		return nil
	})
}

// packet is the n-th of a stream, with a new timestamp each.
func packet(n int, payload []byte) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{
		Version: 2, PayloadType: mediaPayload, SSRC: 666, SequenceNumber: uint16(n), Timestamp: uint32(n) * 3000, Marker: true,
	}, Payload: payload}
}

// noise is a payload of garbage.
func (a *attacker) noise(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(a.rng.Uint32())
	}
	return p
}

// coded returns the payloads of pictures of a size, all of them or key frames.
func coded(t *testing.T, f format, size image.Point, n int, keys bool) (pictures [][]byte) {
	t.Helper()
	cam := &lens{format: f, rate: 30}
	defer cam.close()
	if err := cam.focus(size); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		fill(cam.img, uint8(60+5*i))
		packets, err := cam.enc.Encode(cam.img, int64(i), keys)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			pictures = append(pictures, p.Data)
		}
	}
	return pictures
}

var mimes = []string{"video/VP8", "video/VP9", "video/H264", "video/AV1", "audio/opus", "audio/PCMU", "audio/PCMA", "audio/G722"}

// Ten thousand packets a second, of garbage in every codec.
func TestFloodOfGarbage(t *testing.T) {
	for _, kind := range []string{"video", "audio"} {
		t.Run(kind, func(t *testing.T) {
			assaults := map[string]assault{}
			for _, mime := range mimes {
				if strings.HasPrefix(mime, kind) {
					assaults[mime] = func(ctx context.Context, a *attacker) {
						w := a.open(ingest.TrackInfo{MimeType: mime})
						a.flood(ctx, w, 10_000, func(n int) *rtp.Packet { return packet(n, a.noise(1+n%1200)) })
					}
				}
			}
			s := besiege(t, callreel.Limits{}, assaults)
			s.seenBeside(len(assaults))
			if kind == "video" {
				s.audible()
			}
			for mime := range assaults {
				got := track(t, s.res.Report, mime, kind).Received()
				if got.Excess < 30_000 || got.Packets > 25_000 || !s.alarmed(mime) {
					t.Errorf("%s: %d packets let in, %d left out; %+v", mime, got.Packets, got.Excess, s.res.Report.Alarms)
				}
			}
		})
	}
}

// alarmed reports whether there was an alarm about somebody who sends too much.
func (s siege) alarmed(who string) bool {
	return slices.ContainsFunc(s.res.Report.Alarms, func(a callreel.Alarm) bool {
		return a.Kind == callreel.AlarmExcessive && a.Participant == who
	})
}

// Sources, sequence numbers and clocks that change with each packet or jump by
// hours, reports of all kinds, nested redundancy.
func TestAbsurdHeaders(t *testing.T) {
	key := coded(t, vp8(), image.Pt(64, 64), 1, true)[0]
	attacks := map[string]func(a *attacker, p *rtp.Packet, n int){
		"sources":   func(_ *attacker, p *rtp.Packet, n int) { p.SSRC = uint32(n) },
		"pairs":     func(_ *attacker, p *rtp.Packet, n int) { p.SSRC = uint32(n / 2) },
		"sequence":  func(a *attacker, p *rtp.Packet, _ int) { p.SequenceNumber = uint16(a.rng.Uint32()) },
		"leaps":     func(_ *attacker, p *rtp.Packet, n int) { p.SequenceNumber = uint16(n * 999) },
		"time":      func(a *attacker, p *rtp.Packet, _ int) { p.Timestamp = a.rng.Uint32() },
		"hours":     func(_ *attacker, p *rtp.Packet, n int) { p.Timestamp += uint32(n/100) * 90000 * 3600 },
		"extension": func(_ *attacker, p *rtp.Packet, n int) { p.Extension, p.ExtensionProfile = true, uint16(0xBEDE+n) },
		"one frame": func(_ *attacker, p *rtp.Packet, _ int) { p.Timestamp, p.Marker = 0, false },
	}
	assaults := map[string]assault{"reports and redundancy": confuse}
	for name, change := range attacks {
		assaults[name] = func(ctx context.Context, a *attacker) {
			w := a.open(ingest.TrackInfo{MimeType: "video/VP8", RequestKeyFrame: func() {}, RequestPackets: func([]uint16) {}})
			a.flood(ctx, w, 2000, func(n int) *rtp.Packet {
				p := packet(n, append([]byte{0x10}, key...))
				change(a, p, n)
				return p
			})
		}
	}
	besiege(t, callreel.Limits{}, assaults).audible().seenBeside(len(assaults))
}

// confuse sends reports of all kinds and nested redundancy.
func confuse(ctx context.Context, a *attacker) {
	video := a.open(ingest.TrackInfo{MimeType: "video/VP8", Payloads: ingest.Payloads{Media: mediaPayload, RED: redPayload, ULPFEC: 5}})
	audio := a.open(ingest.TrackInfo{MimeType: "audio/PCMU", Payloads: ingest.Payloads{Media: mediaPayload, RED: redPayload}})
	red := func(n int, blocks int, primary byte) *rtp.Packet {
		var b []byte
		for range blocks {
			b = binary.BigEndian.AppendUint32(b, 1<<31|uint32(mediaPayload)<<24|a.rng.Uint32()&0xffffff)
		}
		p := packet(n, append(append(b, primary), bytes.Repeat([]byte{0xff}, 900)...)) // silence
		p.PayloadType = redPayload
		return p
	}
	pace(ctx, 10*time.Millisecond, func(n int) error {
		var reports []rtcp.Packet
		for range 20 {
			reports = append(reports, &rtcp.SenderReport{SSRC: 666, NTPTime: a.rng.Uint64(), RTPTime: a.rng.Uint32()}, &rtcp.ReceiverReport{SSRC: 666})
		}
		return errors.Join(
			video.WriteRTCP(reports, time.Now()), audio.WriteRTCP(reports, time.Now()),
			video.WriteRTP(red(2*n, 0, 5), time.Now()), video.WriteRTP(red(2*n+1, n%40, mediaPayload), time.Now()),
			audio.WriteRTP(red(n, n%40, mediaPayload), time.Now()),
		)
	})
}
