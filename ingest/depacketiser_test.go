package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pion/rtp"
)

// The smallest frames that pass for such.
var (
	vp8Key   = unhex("300000 9d012a 4001 f000 0102") // 320x240
	vp8Inter = unhex("310000 01")

	h264SPS = unhex("SPS") // 176x144
	h264PPS = unhex("PPS")
)

// unhex reads a hexadecimal number with spaces and the names of parts that tests share.
func unhex(s string) []byte {
	s = strings.NewReplacer(" ", "",
		"KEY8", "3000009d012a4001f0000102",
		"INTER8", "31000001",
		"KEY9", "824983420013f00ef0", // 320x240
		"INTER9", "860102",
		"SPS", "6742c00bd902c4ec0440000003004000000c03c50a92",
		"PPS", "68cb83cb20",
		"SEQ", "00000003bd7c79b5f20080",
	).Replace(s)
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(fmt.Sprintf("%v in %s", err, s))
	}
	return b
}

// depacketiserTests give the packets of access units, and what comes of each:
// its bytes with what is known of it, or an error, or nothing.
var depacketiserTests = []struct {
	name, mime, fmtp string
	units            [][]string // payloads
	want             []any      // string, error or nil
}{
	{"whole frame", "video/VP8", "", [][]string{{"10 KEY8"}, {"10 INTER8"}}, []any{"key 320x240 KEY8", "INTER8"}},
	{"two packets", "video/VP8", "", [][]string{{"10 300000 9d01", "00 2a4001 f0000102"}}, []any{"key 320x240 KEY8"}},
	{"partitions", "video/VP8", "", [][]string{{"10 31000001", "11 02", "01 03"}}, []any{"31000001 0203"}},
	{"non-reference", "video/VP8", "", [][]string{{"30 INTER8"}}, []any{"discardable INTER8"}},
	{"short picture ID", "video/VP8", "", [][]string{{"90 80 11 INTER8"}}, []any{"INTER8"}},
	{"long picture ID", "video/VP8", "", [][]string{{"90 80 9122 INTER8", "80 80 9122 05"}}, []any{"INTER8 05"}},
	{"all extensions", "video/VP8", "", [][]string{{"90 f0 9122 07 61 INTER8"}}, []any{"INTER8"}},
	{"another picture ID", "video/VP8", "", [][]string{{"90 80 11 INTER8", "80 80 12 05"}}, []any{errSyntax}},
	{"no start", "video/VP8", "", [][]string{{"00 INTER8"}, {"11 INTER8"}}, []any{errIncomplete, errIncomplete}},
	{"two starts", "video/VP8", "", [][]string{{"10 INTER8", "10 INTER8"}}, []any{errIncomplete}},
	{"descriptor only", "video/VP8", "", [][]string{{"90 f0 9122 07 61"}, {"90"}}, []any{errShort, errShort}},
	{"cut header", "video/VP8", "", [][]string{{"10 3000"}, {"10 300000 9d012a 40"}}, []any{errShort, errShort}},
	{"cut partition", "video/VP8", "", [][]string{{"10 f10100 01"}}, []any{errShort}},
	{"no start code", "video/VP8", "", [][]string{{"10 300000 9d012b 4001 f000"}}, []any{errSyntax}},
	{"no size", "video/VP8", "", [][]string{{"10 300000 9d012a 0000 f000"}}, []any{errSyntax}},

	{"whole frame", "video/VP9", "", [][]string{{"8c 11 KEY9"}, {"cc 12 INTER9"}}, []any{"key 320x240 KEY9", "INTER9"}},
	{"three packets", "video/VP9", "", [][]string{{"08 82498342", "00 00 13f0", "04 0ef0"}}, []any{"key 320x240 KEY9"}},
	{"flexible", "video/VP9", "", [][]string{{"9c 9122 KEY9"}, {"dc 9123 03 05 06 INTER9"}}, []any{"key 320x240 KEY9", "INTER9"}},
	{"picture group", "video/VP9", "", [][]string{{"8e 11 18 0280 01e0 02 14 01 08 0102 KEY9"}}, []any{"key 640x480 KEY9"}},
	{
		"spatial layers", "video/VP9", "",
		[][]string{{"aa 11 00 00 30 00a0 0078 0140 00f0 KEY9", "a4 11 00 00 77", "ec 11 03 00 INTER9"}},
		[]any{"key 320x240 KEY9 77 INTER9 d9 0a000000 03000000 d9"},
	},
	{"upper layer alone", "video/VP9", "", [][]string{{"ac 11 03 00 INTER9"}}, []any{errIncomplete}},
	{"independent upper layer", "video/VP9", "", [][]string{{"ac 11 02 00 INTER9"}}, []any{"INTER9"}},
	{"layers fall", "video/VP9", "", [][]string{{"ac 11 02 00 INTER9", "ac 11 00 00 INTER9"}}, []any{errSyntax}},
	{"layer without end", "video/VP9", "", [][]string{{"a8 11 00 00 INTER9", "ac 11 02 00 INTER9"}}, []any{errIncomplete}},
	{"layer without start", "video/VP9", "", [][]string{{"ac 11 00 00 INTER9", "a4 11 02 00 INTER9"}}, []any{errIncomplete}},
	{"no end", "video/VP9", "", [][]string{{"88 11 INTER9"}}, []any{errIncomplete}},
	{"no start", "video/VP9", "", [][]string{{"84 11 INTER9"}}, []any{errIncomplete}},
	{"predicted key frame", "video/VP9", "", [][]string{{"cc 11 KEY9"}}, []any{errSyntax}},
	{"descriptor only", "video/VP9", "", [][]string{{"8e 11 18 0280 01e0 02 14 01 08 01"}, {"8c"}}, []any{errShort, errShort}},
	{"cut header", "video/VP9", "", [][]string{{"0c 82498342"}}, []any{errShort}},
	{"no frame marker", "video/VP9", "", [][]string{{"0c 42498342"}}, []any{errSyntax}},
	{"no sync code", "video/VP9", "", [][]string{{"0c 82498343"}}, []any{errSyntax}},
	{"show existing frame", "video/VP9", "", [][]string{{"0c 88"}}, []any{"88"}},

	{"STAP-A", "video/H264", "", [][]string{{"78 0016 SPS 0005 PPS", "65 b8 11"}}, []any{"key 176x144 00000001 SPS 00000001 PPS 00000001 65 b8 11"}},
	{"single units", "video/H264", "", [][]string{{"SPS", "PPS", "65 b8 11"}}, []any{"key 176x144 00000001 SPS 00000001 PPS 00000001 65 b8 11"}},
	{
		"sets with other timestamps", "video/H264", "",
		[][]string{{"SPS"}, {"PPS"}, {"65 b8 11"}},
		[]any{nil, nil, "key 176x144 00000001 SPS 00000001 PPS 00000001 65 b8 11"},
	},
	{
		"sets remembered", "video/H264", "",
		[][]string{{"SPS", "PPS", "65 b8 11"}, {"41 9a 22"}, {"65 b8 33"}},
		[]any{
			"key 176x144 00000001 SPS 00000001 PPS 00000001 65 b8 11", "00000001 41 9a 22",
			"key 176x144 00000001 SPS 00000001 PPS 00000001 65 b8 33",
		},
	},
	{
		"sets in the SDP", "video/H264", "packetization-mode=1; sprop-parameter-sets=Z0LAC9kCxOwEQAAAAwBAAAAMA8UKkg==,aMuDyyA=",
		[][]string{{"65 b8 11"}},
		[]any{"key 176x144 00000001 SPS 00000001 PPS 00000001 65 b8 11"},
	},
	{"no sets", "video/H264", "", [][]string{{"65 b8 11"}}, []any{errIncomplete}},
	{"no PPS", "video/H264", "", [][]string{{"SPS", "65 b8 11"}}, []any{errIncomplete}},
	{"delimiter and filler", "video/H264", "", [][]string{{"09 10", "41 9a 22", "0c ff80"}}, []any{"00000001 41 9a 22"}},
	{"SEI", "video/H264", "", [][]string{{"06 05 01", "41 9a 22"}}, []any{"00000001 06 05 01 00000001 41 9a 22"}},
	{"no reference", "video/H264", "", [][]string{{"01 9a 22", "01 42 22"}}, []any{"discardable 00000001 01 9a 22 00000001 01 42 22"}},
	{"FU-A", "video/H264", "", [][]string{{"5c 81 9a", "5c 01 22", "5c 41 33"}}, []any{"00000001 41 9a 22 33"}},
	{"FU-A in one", "video/H264", "", [][]string{{"5c c1 9a"}}, []any{"00000001 41 9a"}},
	{"FU-A without start", "video/H264", "", [][]string{{"5c 01 9a"}}, []any{errIncomplete}},
	{"FU-A without end", "video/H264", "", [][]string{{"5c 81 9a"}, {"5c 81 9a", "41 9a"}, {"5c 81 9a", "5c 81 9a"}}, []any{errIncomplete, errIncomplete, errIncomplete}},
	{"FU-A of two types", "video/H264", "", [][]string{{"5c 81 9a", "5c 45 9a"}}, []any{errIncomplete}},
	{"FU-A of nothing", "video/H264", "", [][]string{{"5c 81"}, {"5c 9c 00"}}, []any{errShort, errSyntax}},
	{"later slice", "video/H264", "", [][]string{{"41 42 22"}}, []any{errIncomplete}},
	{"cut STAP-A", "video/H264", "", [][]string{{"78"}, {"78 00"}, {"78 0003 41 9a"}, {"78 0000"}, {"78 0001 78"}}, []any{errShort, errShort, errShort, errShort, errSyntax}},
	{"interleaved", "video/H264", "", [][]string{{"79 0001 41"}, {"5d 81 0001 9a"}}, []any{errUnsupported, errUnsupported}},
	{"forbidden bit", "video/H264", "", [][]string{{"c1 9a"}}, []any{errSyntax}},
	{"cut slice", "video/H264", "", [][]string{{"41 80"}, {"41"}}, []any{errShort, errShort}},
	{"cut sets", "video/H264", "", [][]string{{"67 42"}, {"68"}}, []any{errSyntax, errSyntax}},

	{
		"whole unit", "video/AV1", "",
		[][]string{{"28 0c 08 SEQ 30 1000"}, {"10 30 3000"}},
		[]any{"key 176x144 1200 0a0b SEQ 3202 1000", "1200 3202 3000"},
	},
	{"sizes", "video/AV1", "", [][]string{{"00 03 30 3000 02 20 07"}}, []any{"1200 3202 3000 2201 07"}},
	{"OBU with a size", "video/AV1", "", [][]string{{"10 32 02 3000"}}, []any{"1200 3202 3000"}},
	{"extension", "video/AV1", "", [][]string{{"10 34 20 3000"}}, []any{"1200 3620 02 3000"}},
	{"fragments", "video/AV1", "", [][]string{{"50 30 30", "d0 01", "90 02"}}, []any{"1200 3203 300102"}},
	{"fragments among OBUs", "video/AV1", "", [][]string{{"60 02 2055 30 30", "a0 01 01 30 3001"}}, []any{"1200 2201 55 3202 3001 3202 3001"}},
	{"delimiter and tile list", "video/AV1", "", [][]string{{"30 01 10 02 4001 30 3000"}}, []any{"1200 3202 3000"}},
	{"no start", "video/AV1", "", [][]string{{"90 01"}}, []any{errIncomplete}},
	{"no end", "video/AV1", "", [][]string{{"50 30 30"}, {"50 30 30", "10 30 30"}}, []any{errIncomplete, errIncomplete}},
	{"nothing", "video/AV1", "", [][]string{{"10"}, {"00"}}, []any{errShort, errShort}},
	{"too few", "video/AV1", "", [][]string{{"20 03 30 3000"}}, []any{errShort}},
	{"cut size", "video/AV1", "", [][]string{{"00 80"}, {"00 05 30"}, {"10 32 05 30"}, {"00 ffffffffffffffff7f"}}, []any{errShort, errShort, errShort, errShort}},
	{"huge size", "video/AV1", "", [][]string{{"00 ffffffffffff7f"}}, []any{errShort}},
	{"cut header", "video/AV1", "", [][]string{{"10 34"}, {"10 30"}, {"10 08"}}, []any{errShort, errShort, errSyntax}},
	{"forbidden bit", "video/AV1", "", [][]string{{"10 b0 3000"}}, []any{errSyntax}},
	{"key frame without sequence", "video/AV1", "", [][]string{{"10 30 1000"}}, []any{"1200 3202 1000"}},
}

func TestDepacketisers(t *testing.T) {
	for _, tt := range depacketiserTests {
		t.Run(tt.mime+"/"+tt.name, func(t *testing.T) {
			d := newTestDepacketiser(t, tt.mime, tt.fmtp)
			for i, unit := range tt.units {
				var payloads [][]byte
				for _, p := range unit {
					payloads = append(payloads, unhex(p))
				}
				au, err := join(d, payloads)
				checkAccessUnit(t, au, err, tt.want[i])
			}
		})
	}
}

func newTestDepacketiser(t testing.TB, mime, fmtp string) depacketiser {
	t.Helper()
	c, err := CodecByMime(mime)
	if err != nil {
		t.Fatal(err)
	}
	return c.newDepacketiser(depacketiserConfig{fmtp: fmtp, maxFrame: 1 << 16})
}

func join(d depacketiser, payloads [][]byte) (accessUnit, error) {
	for _, p := range payloads {
		if err := d.add(p, nil); err != nil {
			d.drop()
			return accessUnit{}, err
		}
	}
	au, err := d.take()
	if err != nil {
		d.drop()
	}
	return au, err
}

func checkAccessUnit(t *testing.T, au accessUnit, err error, want any) {
	t.Helper()
	switch want := want.(type) {
	case error:
		if !errors.Is(err, want) {
			t.Errorf("got %x and error %v, want %v", au.data, err, want)
		}
	case nil:
		if err != nil || len(au.data) > 0 {
			t.Errorf("got %x and error %v, want nothing", au.data, err)
		}
	case string:
		rest, key := strings.CutPrefix(want, "key ")
		if key {
			var size string
			size, rest, _ = strings.Cut(rest, " ")
			top := au.frames[len(au.frames)-1]
			expect(t, "size", fmt.Sprintf("%dx%d", top.width, top.height), size)
		}
		rest, discardable := strings.CutPrefix(rest, "discardable ")
		if err != nil || !bytes.Equal(au.data, unhex(rest)) {
			t.Errorf("got %x and error %v, want %x", au.data, err, unhex(rest))
		}
		expect(t, "key", au.key, key)
		expect(t, "discardable", au.discardable, discardable)
	}
}

// A sender that has its parameter sets with every IDR picture may have lost
// new ones; one that sent them once has not.
func TestH264SetsAfterLoss(t *testing.T) {
	d := newTestDepacketiser(t, "video/H264", "")
	idr := func(parts ...string) bool {
		var payloads [][]byte
		for _, p := range append(parts, "65 b8 11") {
			payloads = append(payloads, unhex(p))
		}
		au, err := join(d, payloads)
		if err != nil {
			t.Fatal(err)
		}
		return au.key
	}
	expect(t, "first", idr("SPS", "PPS"), true)
	d.drop()
	expect(t, "without, after a loss", idr(), false)
	expect(t, "without once more", idr(), true)
	d.drop()
	expect(t, "without, as the one before", idr(), true)
	expect(t, "with", idr("SPS", "PPS"), true)
	d.drop()
	expect(t, "with, after a loss", idr("SPS", "PPS"), true)
	expect(t, "without, after no loss", idr(), true)
}

func TestH264KeepsSetsApart(t *testing.T) {
	d := newTestDepacketiser(t, "video/H264", "sprop-parameter-sets=!,,Z0LAC9kCxOwEQAAAAwBAAAAMA8UKkg==,aMuDyyA=")
	// PPS 1 and 2 of SPS 0; the slice uses 2.
	au, err := join(d, [][]byte{unhex("68 5b83cb20"), unhex("68 7b83cb20"), unhex("65 b9 80")})
	if err != nil || !au.key {
		t.Fatalf("key %v, error %v", au.key, err)
	}
	nals := splitNALs(au.data)
	expect(t, "NAL units", len(nals), 4)
	expect(t, "SPS", nals[2][0], 0x67)
}

// FuzzDepacketisers splits its input into access units and payloads.
func FuzzDepacketisers(f *testing.F) {
	video := []string{"video/VP8", "video/VP9", "video/H264", "video/AV1"}
	for _, tt := range depacketiserTests {
		var in []byte
		for _, unit := range tt.units {
			for i, p := range unit {
				payload := unhex(p)
				in = append(in, byte(len(payload)))
				in = append(in, payload...)
				if i == len(unit)-1 {
					in = append(in, 0)
				}
			}
		}
		for i, mime := range video {
			if mime == tt.mime {
				f.Add(uint8(i), in)
			}
		}
	}
	f.Fuzz(func(t *testing.T, codec uint8, in []byte) {
		fuzzDepacketiser(t, newTestDepacketiser(t, video[codec%4], ""), in)
	})
}

func fuzzDepacketiser(t *testing.T, d depacketiser, in []byte) {
	var payloads [][]byte
	for len(in) > 0 {
		n := min(int(in[0]), len(in)-1)
		if n > 0 {
			payloads = append(payloads, in[1:n+1])
		}
		in = in[n+1:]
		if n > 0 && len(in) > 0 {
			continue
		}
		au, err := join(d, payloads)
		payloads = nil
		if err == nil && au.key && !sized(au) {
			t.Fatalf("key frame of %d bytes in frames %+v", len(au.data), au.frames)
		}
	}
}

// sized reports whether the size of a frame is known, and none is impossible.
func sized(au accessUnit) bool {
	known := false
	for _, f := range au.frames {
		known = known || f.width > 0 && f.height > 0
		if f.width < 0 || f.height < 0 || f.width > 1<<16 || f.height > 1<<16 {
			return false
		}
	}
	return known && len(au.data) > 0
}

// FuzzLayers reads packets of AV1 with dependency descriptors: both behind
// their lengths, and what comes after.
func FuzzLayers(f *testing.F) {
	key := unhex("28 0c 08 SEQ 30 1000")
	f.Add([]byte{}, []byte{})
	f.Add(unhex(descriptorL1T3), key)
	f.Fuzz(func(t *testing.T, extension, in []byte) {
		d := newTestDepacketiser(t, "video/AV1", "")
		for len(in) > 1 {
			n := min(1+int(in[0]>>2), len(in)-1)
			if err := d.add(in[1:n+1], extension); err != nil && !d.hole() {
				d.drop()
			}
			if in[0]&1 != 0 {
				checkFrames(t, d)
			}
			if len(extension) > 2 && in[0]&2 != 0 {
				extension = append([]byte{extension[0] ^ in[1]}, extension[1:]...)
			}
			in = in[n+1:]
		}
		checkFrames(t, d)
	})
}

func checkFrames(t *testing.T, d depacketiser) {
	au, err := d.take()
	if err != nil {
		d.drop()
		return
	}
	end := au.head
	for i, f := range au.frames {
		if f.end <= end || f.end > len(au.data) || f.spatial >= maxFrames || len(au.join(nil, 1<<i)) == 0 {
			t.Fatalf("%d bytes, frames %+v", len(au.data), au.frames)
		}
		end = f.end
	}
}

func FuzzSprop(f *testing.F) {
	f.Add("sprop-parameter-sets=" + base64.StdEncoding.EncodeToString(h264SPS) + "," + base64.StdEncoding.EncodeToString(h264PPS))
	f.Fuzz(func(t *testing.T, fmtp string) {
		if s := parseSprop(fmtp); len(s.sps) > 32 || len(s.pps) > 256 {
			t.Fatalf("%d and %d parameter sets", len(s.sps), len(s.pps))
		}
	})
}

// FuzzReceiver reads packets of twelve bytes of header and a payload.
func FuzzReceiver(f *testing.F) {
	mimes := []string{"audio/opus", "video/VP8", "video/VP9", "video/H264", "video/AV1"}
	seed := func(p *rtp.Packet) []byte {
		b := []byte{byte(p.SSRC), byte(p.SequenceNumber >> 8), byte(p.SequenceNumber), byte(p.Timestamp >> 8), byte(p.Timestamp), 1, byte(len(p.Payload))}
		return append(b, p.Payload...)
	}
	f.Add(uint8(0), append(seed(pkt(1, 1, true, 1)), seed(pkt(3, 2, true, 2))...))
	f.Add(uint8(1), append(seed(pkt(1, 1, true, unhex("10 KEY8")...)), seed(pkt(2000, 2, true, 1))...))
	f.Add(uint8(3), append(seed(pkt(1, 1, true, unhex("78 0016 SPS 0005 PPS 0003 65b811")...)), seed(pkt(2, 2, true, unhex("419a22")...))...))
	f.Fuzz(func(t *testing.T, codec uint8, in []byte) {
		c, err := CodecByMime(mimes[int(codec)%len(mimes)])
		if err != nil {
			t.Fatal(err)
		}
		r := NewReceiver(ReceiverConfig{Codec: c, MaxBytes: 8192, MaxFrame: 4096})
		fuzzReceiver(t, r, in)
	})
}

func fuzzReceiver(t *testing.T, r *Receiver, in []byte) {
	for at := ms; len(in) >= 7; at += ms {
		n := min(int(in[6]), len(in)-7)
		p := pkt(uint16(in[1])<<8|uint16(in[2]), uint32(in[3])<<24|uint32(in[4]), in[5]&1 != 0, in[7:7+n]...)
		p.SSRC = uint32(in[0]) & 3
		r.Push(p, at)
		if in[5]&2 != 0 {
			r.Reset()
		}
		if in[5]&4 != 0 {
			r.Select(int(in[5]>>3&3)-1, int(in[5]>>5&3)-1)
		}
		in = in[7+n:]
		if r.buf.bytes > 8192 || r.queued > 8192 || r.buf.count > reorderSpan {
			t.Fatalf("%d bytes and %d packets held back, %d bytes queued", r.buf.bytes, r.buf.count, r.queued)
		}
	}
	r.Advance(1 << 40)
	broken := r.cfg.Codec.Kind == Video
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		if broken && !u.Key {
			t.Fatal("the first unit is no key frame")
		}
		broken = false
	}
	// An access unit may be handed out in part.
	if st := r.Stats(); st.Units > st.Packets || st.FramesDropped > st.Packets || st.Lost > st.Packets*reorderSpan {
		t.Fatalf("stats: %+v", st)
	}
	if r.buf.count != 0 {
		t.Fatalf("%d packets left", r.buf.count)
	}
}

// Hundreds of large parameter sets are not put before each IDR picture.
func TestParameterSetsAreBounded(t *testing.T) {
	d := newTestDepacketiser(t, "video/H264", "")
	for n := range 128 {
		// Number 127 + n as Exp-Golomb, of SPS 0.
		nal := append([]byte{0x68, 1, byte(n)<<1 | 1}, make([]byte, 1000)...)
		if err := d.add(nal, nil); err != nil {
			t.Fatal(err)
		}
		d.drop()
	}
	h := d.(*h264)
	if len(h.sets.pps) < 10 || h.sets.bytes > maxParameterSets {
		t.Fatalf("%d parameter sets of %d bytes", len(h.sets.pps), h.sets.bytes)
	}
	sum := 0
	for _, p := range h.sets.pps {
		sum += len(p.nal)
	}
	if sum != h.sets.bytes {
		t.Errorf("%d bytes of parameter sets, counted as %d", sum, h.sets.bytes)
	}
}
