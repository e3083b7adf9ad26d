package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"image"
	"os"
	"testing"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
)

// A capture is what a browser sent: see testdata/README.md.
type capture struct {
	name, mime string
	spatial    int // layers
	temporal   int
	sizes      []image.Point
	keyed      bool // spatial layers depend on each other in key pictures only
	blind      bool // its dependency descriptors are not looked at
}

func captures() []capture {
	three := []image.Point{{240, 135}, {480, 270}, {960, 540}}
	two := []image.Point{{240, 135}, {480, 270}}
	return []capture{
		{name: "vp9-l3t3key", mime: "video/VP9", spatial: 3, temporal: 3, sizes: three, keyed: true},
		{name: "vp9-l3t3", mime: "video/VP9", spatial: 3, temporal: 3, sizes: three},
		{name: "av1-l3t3key", mime: "video/AV1", spatial: 3, temporal: 3, sizes: three, keyed: true},
		{name: "av1-l2t2", mime: "video/AV1", spatial: 2, temporal: 2, sizes: two},
		{name: "av1-l2t2", mime: "video/AV1", spatial: 2, temporal: 2, sizes: []image.Point{{}, {480, 270}}, blind: true},
	}
}

func (c capture) String() string {
	if c.blind {
		return c.name + " without descriptors"
	}
	return c.name
}

// The IDs of the header extensions in the captures.
const captureOrientation, captureDescriptor = 3, 13

func (c capture) receiver(t testing.TB) *Receiver {
	t.Helper()
	codec, err := CodecByMime(c.mime)
	if err != nil {
		t.Fatal(err)
	}
	x := Extensions{VideoOrientation: captureOrientation, DependencyDescriptor: captureDescriptor}
	if c.blind {
		x.DependencyDescriptor = 0
	}
	return NewReceiver(ReceiverConfig{Codec: codec, Extensions: x})
}

// packets reads the capture: packets behind their lengths (RFC 4571).
func (c capture) packets(t testing.TB) (pkts []*rtp.Packet) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + c.name + ".rtp")
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		p := new(rtp.Packet)
		if err := p.Unmarshal(b[2:n]); err != nil {
			t.Fatal(err)
		}
		pkts = append(pkts, p)
		b = b[n:]
	}
	return pkts
}

// pictureID names a picture in one of its spatial layers.
type pictureID struct {
	rtp     uint32
	spatial uint8
}

type digest [sha256.Size]byte

// sent is a picture as a decoder of everything gets it.
type sent struct {
	luma     digest
	temporal uint8
}

// reference decodes all frames of a capture, one by one.
func (c capture) reference(t testing.TB) map[pictureID]sent {
	t.Helper()
	d := newTestDepacketiser(t, c.mime, "")
	dec := newDecoder(t, c.mime)
	want := map[pictureID]sent{}
	pkts := c.packets(t)
	for i, p := range pkts {
		if err := d.add(p.Payload, p.GetExtension(captureDescriptor)); err != nil {
			t.Fatal(err)
		}
		if i+1 < len(pkts) && pkts[i+1].Timestamp == p.Timestamp {
			continue // not every last packet has the marker bit
		}
		au, err := d.take()
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range au.frames {
			want[pictureID{p.Timestamp, f.spatial}] = sent{decodeDigest(t, dec, au.join(nil, 1<<i)), f.temporal.id}
		}
	}
	return want
}

func newDecoder(t testing.TB, mime string) *codec.VideoDecoder {
	t.Helper()
	dec, err := codec.NewVideoDecoder(mime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dec.Close)
	return dec
}

// decodeDigest decodes what must give a picture, and returns a hash of its luma.
func decodeDigest(t testing.TB, dec *codec.VideoDecoder, data []byte) digest {
	t.Helper()
	fresh, err := dec.Decode(data)
	if err != nil || !fresh {
		t.Fatalf("%d bytes decode to a picture: %v, error %v", len(data), fresh, err)
	}
	p := dec.Picture()
	h := sha256.New()
	for y := range p.Rect.Dy() {
		h.Write(p.Y[y*p.YStride:][:p.Rect.Dx()])
	}
	return digest(h.Sum(nil))
}

// watch decodes the units that a receiver has. Each must be the picture that a
// decoder of everything gets.
type watch struct {
	t     testing.TB
	r     *Receiver
	dec   *codec.VideoDecoder
	want  map[pictureID]sent
	units []Unit
}

func (c capture) watch(t testing.TB, want map[pictureID]sent) *watch {
	t.Helper()
	return &watch{t: t, r: c.receiver(t), dec: newDecoder(t, c.mime), want: want}
}

// push takes a packet a 30th of a second after the one before, and what comes of it.
func (w *watch) push(p *rtp.Packet) {
	w.t.Helper()
	w.r.Push(p, timebase.Ticks(w.r.Stats().Packets)*timebase.Second/30)
	for u, ok := w.r.Pop(); ok; u, ok = w.r.Pop() {
		id := pictureID{uint32(u.RTP), u.Spatial}
		want, known := w.want[id]
		if got := decodeDigest(w.t, w.dec, u.Data); !known || got != want.luma {
			w.t.Fatalf("%+v is not the picture that was sent", id)
		}
		u.Data = nil
		w.units = append(w.units, u)
	}
}
