package ingest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/callreel/callreel/internal/timebase"
)

func sortedKeys[V any](m map[int]V) []int { return slices.Sorted(maps.Keys(m)) }

const (
	firstRTP  = 1<<32 - 20*3750 // wraps within the clip
	frameRTP  = 3750            // 24 frames/s
	firstSeq  = 65500
	frameTime = timebase.Second / 24
	testSSRC  = 0x1234
)

// payloads cuts a frame, whose number is i, into payloads.
type payloads func(i int, frame []byte) [][]byte

func pionPayloads(p rtp.Payloader, mtu uint16) payloads {
	return func(_ int, frame []byte) [][]byte { return p.Payload(mtu, frame) }
}

// vp8Layers adds the temporal layers of the clip "vp8t" to the descriptor:
// layer 1 refers to the base layer only, layer 2 to both.
func vp8Layers(mtu int, keyEvery int) payloads {
	base := byte(250)
	return func(i int, frame []byte) (out [][]byte) {
		tid := []byte{0, 2, 1, 2}[i%4]
		if i%keyEvery == 0 {
			tid = 0
		}
		if tid == 0 {
			base++
		}
		sync := byte(0)
		if tid == 1 {
			sync = 1
		}
		for first := true; len(frame) > 0; first = false {
			n := min(len(frame), mtu)
			d := []byte{0x80, 0xe0, 0x80 | byte(i>>8), byte(i), base, tid<<6 | sync<<5}
			if first {
				d[0] |= 0x10
			}
			out = append(out, append(d, frame[:n]...))
			frame = frame[n:]
		}
		return out
	}
}

// vp9Layers packs the clip "vp9t" in non-flexible mode (RFC 9628 section 4.2),
// where the highest layer refers to no other picture of its own.
func vp9Layers(mtu int) payloads {
	base := byte(250)
	return func(i int, frame []byte) (out [][]byte) {
		tid := []byte{0, 2, 1, 2}[i%4]
		if tid == 0 {
			base++
		}
		for first := true; len(frame) > 0; first = false {
			n := min(len(frame), mtu)
			head := 0xa0 | byte(b2i(i > 0))<<6 | byte(b2i(first))<<3 | byte(b2i(n == len(frame)))<<2
			out = append(out, append([]byte{head, byte(i) & 0x7f, tid<<5 | 0x10, base}, frame[:n]...))
			frame = frame[n:]
		}
		return out
	}
}

// packetise makes the packets of a clip, and says which frame each belongs to.
func packetise(frames [][]byte, cut payloads) (pkts []*rtp.Packet, owner []int) {
	seq := uint16(firstSeq)
	for i, f := range frames {
		parts := cut(i, f)
		for j, payload := range parts {
			pkts = append(pkts, &rtp.Packet{
				Header: rtp.Header{
					Version: 2, SSRC: testSSRC, SequenceNumber: seq, Marker: j == len(parts)-1,
					Timestamp: uint32(firstRTP + i*frameRTP), PayloadType: 96,
				},
				Payload: payload,
			})
			owner = append(owner, i)
			seq++
		}
	}
	return pkts, owner
}

// link is a seeded bad network.
type link struct {
	loss, duplicate, reorder float64
	seed                     uint64
}

type delivery struct {
	pkt *rtp.Packet
	at  timebase.Ticks
}

// carry returns what arrives, in order of arrival, and which packets are lost.
func (l link) carry(pkts []*rtp.Packet, owner []int) (out []delivery, lost map[int]bool) {
	rng := rand.New(rand.NewPCG(l.seed, 7))
	lost = map[int]bool{}
	for i, p := range pkts {
		at := timebase.Ticks(owner[i]) * frameTime
		if i > 0 && rng.Float64() < l.loss { // the first one starts the stream
			lost[i] = true
			continue
		}
		if i > 0 && rng.Float64() < l.reorder {
			at += timebase.Ticks(rng.IntN(100)) * timebase.Millisecond
		}
		out = append(out, delivery{p, at})
		if rng.Float64() < l.duplicate {
			out = append(out, delivery{p, at + timebase.Ticks(rng.IntN(200))*timebase.Millisecond})
		}
	}
	slices.SortStableFunc(out, func(a, b delivery) int { return int(a.at - b.at) })
	return out, lost
}

// receive runs a receiver to the end of the stream and returns its units by
// the number of their frame.
func receive(t testing.TB, r *Receiver, in []delivery) map[int]Unit {
	t.Helper()
	got := map[int]Unit{}
	var last timebase.Ticks
	prev := -1
	pop := func() {
		for u, ok := r.Pop(); ok; u, ok = r.Pop() {
			i := int(u.RTP-firstRTP) / frameRTP
			if i <= prev {
				t.Fatalf("frame %d comes after %d", i, prev)
			}
			prev = i
			got[i] = u
		}
	}
	for _, d := range in {
		r.Push(d.pkt, d.at)
		pop()
		last = d.at
	}
	r.Advance(last + timebase.Second)
	pop()
	return got
}

func newReceiver(t testing.TB, mime string) *Receiver {
	t.Helper()
	c, err := CodecByMime(mime)
	if err != nil {
		t.Fatal(err)
	}
	return NewReceiver(ReceiverConfig{Codec: c})
}

// A stream is a clip and how it is cut into packets.
type stream struct {
	clip string
	cut  func() payloads
}

// layered reports whether it has three temporal layers.
func (s stream) layered() bool { return s.clip == "vp8t" || s.clip == "vp9t" }

func streams() map[string]stream {
	vp9 := func(flexible bool) func() payloads {
		return func() payloads {
			p := &codecs.VP9Payloader{FlexibleMode: flexible, InitialPictureIDFn: func() uint16 { return 0x7ff0 }}
			return pionPayloads(p, 200)
		}
	}
	return map[string]stream{
		"VP8":              {"vp8", func() payloads { return pionPayloads(&codecs.VP8Payloader{}, 200) }},
		"VP8 picture ID":   {"vp8", func() payloads { return pionPayloads(&codecs.VP8Payloader{EnablePictureID: true}, 300) }},
		"VP8 layers":       {"vp8t", func() payloads { return vp8Layers(300, clipFrames) }},
		"VP9 layers":       {"vp9t", func() payloads { return vp9Layers(300) }},
		"VP9 flexible":     {"vp9", vp9(true)},
		"VP9 non-flexible": {"vp9", vp9(false)},
		"H264":             {"h264", func() payloads { return pionPayloads(&codecs.H264Payloader{}, 200) }},
		"H264 no STAP-A":   {"h264", func() payloads { return pionPayloads(&codecs.H264Payloader{DisableStapA: true}, 300) }},
		"AV1":              {"av1", func() payloads { return pionPayloads(&codecs.AV1Payloader{}, 200) }},
	}
}
