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
	"github.com/callreel/callreel/internal/codec"
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
	bits *rand.ChaCha8 // of rng
}

// siege is what came of an attack.
type siege struct {
	*party
	file         string
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
			bits := rand.NewChaCha8([32]byte{1, 2})
			a := &attacker{t, conv, ingest.Participant{ID: name}, rand.New(bits), bits}
			wg.Go(func() { do(ctx, a) })
		}
		<-ctx.Done()
		s.heap, s.memory, s.routines = usage(t)
		s.heap, s.memory, s.routines = s.heap-heap, s.memory-memory, s.routines-routines
		s.res = r.stop(rec)
		wg.Wait()
		leave()
		s.file = r.file(s.res.Chunks[0])
	})
	s.movie = decode(t, s.file, small)
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
	if s.res.State != callreel.Completed || s.heap > siegeHeap || s.memory > siegeMemory || s.routines > 16 {
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

// flood sends so many packets a second, in bursts of 10 ms.
func (a *attacker) flood(ctx context.Context, w ingest.Writer, rate int, next func(n int) *rtp.Packet) {
	n := 0
	pace(ctx, 10*time.Millisecond, func(int) error {
		for range rate / 100 {
			if err := w.WriteRTP(next(n), time.Now()); err != nil {
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
	_, _ = a.bits.Read(p) // never fails
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
			pictures = append(pictures, slices.Clone(p.Data))
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

// rareSizes are those of pictures that nobody's camera makes.
var rareSizes = []image.Point{{1, 1}, {640, 360}, {1, 2000}, {16, 16}, {2000, 1}, {17, 33}, {2, 4000}, {3, 5}}

// show sends pictures of a format as a caller would, each of another size.
func show(f format) assault {
	return func(ctx context.Context, a *attacker) {
		c := guest(a.sink, 2, time.Now())
		c.t, c.who, c.format, c.noAudio = a.t, a.who, &f, true
		c.resize = func(at time.Duration) image.Point {
			size := rareSizes[int(at/oddEvery)%len(rareSizes)]
			if f.mime == "video/H264" {
				size = image.Pt(size.X+size.X&1, size.Y+size.Y&1)
			}
			return size
		}
		c.run(ctx)
	}
}

// repeatedly sends pictures of a format over and over, changed at random by spoil.
func repeatedly(f format, rate int, pictures [][]byte, spoil func(a *attacker, data []byte)) assault {
	return func(ctx context.Context, a *attacker) {
		w := a.open(ingest.TrackInfo{MimeType: f.mime, RequestKeyFrame: func() {}})
		pay, seq := f.payloader(), 0
		pace(ctx, time.Second/time.Duration(rate), func(n int) error {
			data := bytes.Clone(pictures[n%len(pictures)])
			spoil(a, data)
			parts := pay.Payload(1200, data)
			for i, part := range parts {
				p := packet(seq, part)
				p.Timestamp, p.Marker = uint32(n)*90000/uint32(rate), i == len(parts)-1
				seq++
				if err := w.WriteRTP(p, time.Now()); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func untouched(*attacker, []byte) {}

// flip changes some bits, of which few are at the beginning.
func flip(a *attacker, data []byte) {
	for range a.rng.IntN(4) {
		i := a.rng.IntN(len(data))
		data[i] ^= 1 << a.rng.IntN(8)
	}
}

// Pictures of another size each, and of sizes that nobody expects; bits that
// changed on the way.
func TestBrokenPictures(t *testing.T) {
	for name, assaults := range map[string]map[string]assault{
		"sizes": {"VP8": show(vp8()), "VP9": show(vp9()), "H.264": show(h264())},
		"bits": {
			"VP8":   repeatedly(vp8(), 30, coded(t, vp8(), image.Pt(160, 90), 30, false), flip),
			"VP9":   repeatedly(vp9(), 30, coded(t, vp9(), image.Pt(160, 90), 30, false), flip),
			"H.264": repeatedly(h264(), 30, coded(t, h264(), image.Pt(160, 90), 30, false), flip),
			"AV1":   repeatedly(av1(), 30, coded(t, av1(), image.Pt(160, 90), 30, false), flip),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t, callreel.Limits{}, assaults)
			s.audible().seenBeside(len(assaults))
			for who := range assaults {
				got := track(t, s.res.Report, who, "video")
				t.Logf("%s: %d decoded, %d errors", who, got.Decoded, got.DecodeErrors)
				if got.Decoded+got.DecodeErrors == 0 {
					t.Errorf("%s: nothing was decoded", who)
				}
			}
		})
	}
}

// Key frames of 8192x8192 and more are never decoded.
func TestPictureBombs(t *testing.T) {
	huge, err := os.ReadFile("internal/codec/testdata/8192x8192.av1")
	if err != nil {
		t.Fatal(err)
	}
	grown := func(f format, grow func(data []byte)) [][]byte {
		pictures := coded(t, f, image.Pt(64, 64), 1, true)
		grow(pictures[0])
		return pictures
	}
	s := besiege(t, callreel.Limits{}, map[string]assault{
		"AV1": repeatedly(av1(), 100, [][]byte{huge}, untouched),
		"VP8": repeatedly(vp8(), 100, grown(vp8(), func(b []byte) { copy(b[6:], "\xff\x3f\xff\x3f") }), untouched),
		"VP9": repeatedly(vp9(), 100, grown(vp9(), func(b []byte) { copy(b[5:], "\xff\xff\xff") }), untouched),
	})
	s.audible().seenBeside(3)
	for _, who := range []string{"AV1", "VP8", "VP9"} {
		if got := track(t, s.res.Report, who, "video"); got.Oversize == 0 || got.Decoded > 0 || !s.alarmed(who) {
			t.Errorf("%s: %+v", who, got)
		}
	}
}

// What costs more to decode than a participant's share is left out.
func TestDecodingIsBounded(t *testing.T) {
	enc, err := codec.NewOpusEncoder(1, 24000, false)
	if err != nil {
		t.Fatal(err)
	}
	one, err := enc.Encode(make([]int16, 2880)) // 60 ms, as one frame of SILK
	if err != nil {
		t.Fatal(err)
	}
	// Two of them in one packet (RFC 6716, section 3.2.2) are 120 ms.
	long := append([]byte{one[0] | 1}, bytes.Repeat(one[1:], 2)...)
	s := besiege(t, callreel.Limits{Decoding: 0.05, Pixels: 3840 * 2160}, map[string]assault{
		"pictures": repeatedly(vp8(), 30, coded(t, vp8(), image.Pt(3840, 2160), 1, true), untouched),
		"sound": func(ctx context.Context, a *attacker) {
			w := a.open(ingest.TrackInfo{MimeType: "audio/opus"})
			a.flood(ctx, w, 10_000, func(n int) *rtp.Packet { return packet(n, long) })
		},
	})
	s.audible().seenBeside(2)
	for who, kind := range map[string]string{"pictures": "video", "sound": "audio"} {
		got := track(t, s.res.Report, who, kind)
		t.Logf("%s: %d decoded, %d withheld", who, got.Decoded, got.Withheld)
		if got.Decoded == 0 || got.Decoded > 150 || got.Withheld == 0 || !s.alarmed(who) {
			t.Errorf("%s: %+v", who, got)
		}
	}
}

// Thousands of tracks, layers, participants and stays are refused.
func TestCrowds(t *testing.T) {
	refused := map[string]bool{}
	var mu sync.Mutex
	try := func(what string, do func(n int) error) {
		for n := range 1000 {
			if err := do(n); err != nil {
				mu.Lock()
				refused[what] = errors.Is(err, callreel.ErrLimit)
				mu.Unlock()
				return
			}
		}
	}
	add := func(a *attacker, info ingest.TrackInfo) error {
		info.Participant, info.MimeType = a.who, "video/AV1"
		_, err := a.sink.AddTrack(info)
		return err
	}
	s := besiege(t, callreel.Limits{Participants: 40}, map[string]assault{
		"tracks": func(_ context.Context, a *attacker) {
			try("tracks", func(n int) error { return add(a, ingest.TrackInfo{ID: fmt.Sprint(n)}) })
		},
		"layers": func(_ context.Context, a *attacker) {
			try("layers", func(n int) error { return add(a, ingest.TrackInfo{RID: fmt.Sprint(n)}) })
		},
		"replacements": func(_ context.Context, a *attacker) {
			try("replacements", func(int) error { return add(a, ingest.TrackInfo{}) })
		},
		"participants": func(_ context.Context, a *attacker) {
			try("participants", func(n int) error {
				_, err := a.sink.Join(ingest.Participant{ID: fmt.Sprint("crowd", n), Name: strings.Repeat("W", 256)})
				return err
			})
		},
	})
	s.audible()
	for _, what := range []string{"tracks", "layers", "replacements", "participants"} {
		if !refused[what] {
			t.Errorf("a thousand %s were not refused with ErrLimit", what)
		}
	}
}

// Of hundreds of tracks one after the other the report lists some, and counts the rest.
func TestFinishedTracksAreBounded(t *testing.T) {
	s := besiege(t, callreel.Limits{Tracks: 1000}, map[string]assault{
		"replacements": func(ctx context.Context, a *attacker) {
			pace(ctx, 10*time.Millisecond, func(int) error {
				_, err := a.sink.AddTrack(ingest.TrackInfo{Participant: a.who, MimeType: "video/VP8"})
				return err
			})
		},
	})
	s.audible().seenBeside(1)
	for _, p := range s.res.Report.Participants {
		if p.ID == "replacements" && (len(p.Tracks) != 500 || p.Omitted < 50) {
			t.Errorf("%d tracks listed, %d not", len(p.Tracks), p.Omitted)
		}
	}
}
