package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/capture"
)

var began = time.Date(2026, 11, 22, 20, 0, 0, 123456789, time.UTC)

func at(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }

func info() ingest.TrackInfo {
	return ingest.TrackInfo{
		Participant: ingest.Participant{ID: "ann"}, ID: "camera/video", MimeType: "video/VP8", ClockRate: 90000,
		Fmtp: "x-google=1", RID: "h", SSRC: 77, Payloads: ingest.Payloads{Media: 96, RED: 63},
		Extensions: ingest.Extensions{VideoOrientation: 3}, Role: ingest.Screen,
	}
}

var flow = capture.Flow{Stay: 70000, Layer: 2}

func packet(n int) *rtp.Packet {
	p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SSRC: 77, SequenceNumber: uint16(n), Timestamp: uint32(n) * 3000, Marker: true}, Payload: []byte{0x10, 1, 0, 0x9d, byte(n)}}
	if err := p.SetExtension(3, []byte{1}); err != nil {
		panic(err)
	}
	return p
}

// example is a small capture, and what a reader finds in it.
func example(t testing.TB) ([]byte, []capture.Record) {
	t.Helper()
	report := &rtcp.SenderReport{SSRC: 77, NTPTime: 1 << 40, RTPTime: 3000, PacketCount: 1, OctetCount: 5}
	records := []capture.Record{
		{Time: at(0), Event: &capture.Event{Type: capture.Recording, At: at(0), Version: capture.Version, Clock: at(-5000), Settings: []byte(`{"Width":640}`)}},
		{Time: at(0), Event: &capture.Event{Type: capture.Join, At: at(-1000), Flow: capture.Flow{Stay: 70000}, Participant: "ann", Name: "Ann \"A\" Ä"}},
		{Time: at(0), Event: &capture.Event{Type: capture.Added, At: at(-1000), Flow: flow, Track: capture.TrackOf(info())}},
		{Time: at(10), Flow: flow, RTP: packet(1)},
		{Time: at(11), Flow: flow, RTCP: []rtcp.Packet{report}},
		{Time: at(20), Flow: flow, RTP: packet(2)},
		{Time: at(30), Event: &capture.Event{Type: capture.Stop, At: at(30), Reason: "Stopped"}},
	}
	data, err := capture.AppendDescription(capture.AppendHeader(nil), at(0), flow, info(), []uint8{96, 63})
	for _, r := range records {
		switch {
		case err != nil:
		case r.Event != nil:
			data, err = capture.AppendEvent(data, r.Time, *r.Event)
		case r.RTP != nil:
			data, err = capture.AppendRTP(data, r.Time, r.Flow, r.RTP)
		default:
			data, err = capture.AppendRTCP(data, r.Time, r.Flow, report)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return data, records
}

func readAll(data []byte) (records []capture.Record, r *capture.Reader, err error) {
	r = capture.NewReader(bytes.NewReader(data))
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records, r, nil
		}
		if err != nil {
			return records, r, err
		}
		records = append(records, rec)
	}
}

// same compares what was read with what was written; packets by their bytes.
func same(a, b capture.Record) bool {
	return a.Time.Equal(b.Time) && a.Flow == b.Flow && reflect.DeepEqual(a.Event, b.Event) && bytes.Equal(wire(a), wire(b))
}

func wire(r capture.Record) (data []byte) {
	var err error
	switch {
	case r.RTP != nil:
		data, err = r.RTP.Marshal()
	case r.RTCP != nil:
		data, err = rtcp.Marshal(r.RTCP)
	}
	if err != nil {
		panic(err)
	}
	return data
}

func TestRoundTrip(t *testing.T) {
	data, want := example(t)
	got, r, err := readAll(data)
	if err != nil || len(got) != len(want) || r.Cut() || r.Damaged() != 0 {
		t.Fatalf("%d records of %d, cut %v: %v", len(got), len(want), r.Cut(), err)
	}
	for i := range want {
		if !same(got[i], want[i]) {
			t.Errorf("record %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	back := got[2].Event.Track.Info(ingest.Participant{ID: "ann"})
	if !reflect.DeepEqual(back, info()) {
		t.Errorf("%+v", back)
	}
}

func TestPaddingIsLeftOut(t *testing.T) {
	p := packet(1)
	p.Padding, p.Header.PaddingSize = true, 9
	data, err := capture.AppendRTP(capture.AppendHeader(nil), at(0), flow, p)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := readAll(data)
	if err != nil || !same(got[0], capture.Record{Time: at(0), Flow: flow, RTP: packet(1)}) || !p.Padding {
		t.Errorf("%+v: %v", got, err)
	}
}

// A capture that was cut off at any byte is whole up to the last whole block.
func TestCutAnywhere(t *testing.T) {
	data, want := example(t)
	last := 0
	for n := range data {
		got, r, err := readAll(data[:n])
		if len(got) < last || len(got) > last+1 {
			t.Fatalf("%d records of %d bytes after %d of one less", len(got), n, last)
		}
		last = len(got)
		for i := range got {
			if !same(got[i], want[i]) {
				t.Fatalf("%d bytes: record %d differs", n, i)
			}
		}
		if err != nil && n >= 12 || err == nil && !r.Cut() && len(got) == len(want) {
			t.Fatalf("%d bytes: cut %v, %v", n, r.Cut(), err)
		}
	}
	if last != len(want)-1 {
		t.Errorf("%d records without the last byte", last)
	}
}

// rewrite makes the capture one of another program: big-endian, microseconds and
// an offset, with a foreign block, interface and section before it.
func rewrite(t testing.TB, data []byte) []byte {
	t.Helper()
	foreign := block(0x0bad, make([]byte, 400000)...)
	ethernet := block(1, 0, 1, 0, 0, 0, 0, 0, 0)
	out := concat(section(), ethernet, foreign, section(), ethernet)
	le, be := binary.LittleEndian, binary.BigEndian
	for len(data) > 0 {
		size := le.Uint32(data[4:])
		body := bytes.Clone(data[8 : size-4])
		switch le.Uint32(data) {
		case 1:
			out = append(out, block(1, 0, 101, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 8, 0, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 100)...)
		case 6:
			ns := uint64(le.Uint32(body[4:]))<<32 | uint64(le.Uint32(body[8:]))
			stamp := (ns - 100e9) / 10 // the resolution is 10 ns
			captured := le.Uint32(body[12:])
			be.PutUint32(body, 1)
			be.PutUint32(body[4:], uint32(stamp>>32))
			be.PutUint32(body[8:], uint32(stamp))
			be.PutUint32(body[12:], captured)
			be.PutUint32(body[16:], captured)
			out = append(out, block(6, body[:20+(captured+3)&^3]...)...)
		}
		data = data[size:]
	}
	return out
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func section() []byte {
	return block(0x0a0d0d0a, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255)
}

// block is a big-endian one.
func block(kind uint32, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(12+len(body)))
	return binary.BigEndian.AppendUint32(append(b, body...), uint32(12+len(body)))
}

func TestFilesOfOtherPrograms(t *testing.T) {
	data, want := example(t)
	got, r, err := readAll(rewrite(t, data))
	if err != nil || len(got) != len(want) || r.Cut() {
		t.Fatalf("%d records: %v", len(got), err)
	}
	for i := range want {
		if d := want[i].Time.Sub(got[i].Time); d < 0 || d >= 10 {
			t.Errorf("record %d is %v off", i, d)
		}
		got[i].Time = want[i].Time
		if !same(got[i], want[i]) {
			t.Errorf("record %d: %+v", i, got[i])
		}
	}
}

func TestRefusals(t *testing.T) {
	event := func(doc string) []byte {
		data, err := capture.AppendEvent(capture.AppendHeader(nil), at(0), capture.Event{Type: capture.Recording, Reason: strings.Repeat("x", 200)})
		if err != nil {
			t.Fatal(err)
		}
		i := bytes.IndexByte(data, '{')
		end := i + bytes.IndexByte(data[i:], '}') + 1
		copy(data[i:end], doc+strings.Repeat(" ", end-i-len(doc)))
		return data
	}
	huge := block(6, make([]byte, 1<<20)...)
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"empty":      {nil, nil},
		"text":       {[]byte("this is no capture at all"), capture.ErrFormat},
		"short text": {[]byte("no"), capture.ErrFormat},
		"pcap":       {[]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"), capture.ErrFormat},
		"newer":      {event(`{"type":"recording","version":2}`), capture.ErrNewer},
		"unknown":    {event(`{"type":"weather"}`), nil},
		"no JSON":    {event(`{"type":`), capture.ErrMalformed},
		"no flow":    {event(`{"type":"join","participantId":"a"}`), capture.ErrMalformed},
		"no track":   {event(`{"type":"track","flow":{"stay":1}}`), capture.ErrMalformed},
		"huge":       {concat(section(), huge), capture.ErrMalformed},
		"no link":    {concat(section(), block(6, make([]byte, 20)...)), capture.ErrMalformed},
		"size":       {concat(section(), []byte{0, 0, 0, 6, 0, 0, 0, 13, 0, 0, 0, 0, 0}), capture.ErrMalformed},
	} {
		if _, _, err := readAll(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	p := packet(1)
	p.Payload = make([]byte, 65536)
	if out, err := capture.AppendRTP(nil, at(0), flow, p); !errors.Is(err, capture.ErrTooLarge) || len(out) > 0 {
		t.Error(len(out), err)
	}
	if _, err := capture.AppendEvent(nil, at(0), capture.Event{Type: capture.Join, Flow: capture.Flow{Stay: 1 << 24}}); err == nil {
		t.Error("a flow without an address")
	}
}

func TestWireshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed: Wireshark's view of a capture is not checked")
	}
	data, _ := example(t)
	name := filepath.Join(t.TempDir(), "example.pcapng")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	tshark := func(args ...string) string {
		var errs bytes.Buffer
		cmd := exec.Command("tshark", append([]string{"-r", name}, args...)...)
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("tshark: %v\n%s", err, errs.Bytes())
		}
		return string(out)
	}
	for _, c := range []struct{ args, want string }{
		{"-q -z rtp,streams", "10.1.17.112 16388       192.0.2.1  5004 0x0000004D              VP8     2     0 (0.0%)"},
		{"-Y rtcp", "Sender Report"},
		{"-T fields -e frame.comment", "ann (Ann \"A\" Ä) joins as 10.1.17.112"},
		{"-T fields -e frame.time_epoch -Y rtp.seq==1", "1795377600.133456789"},
	} {
		if out := tshark(strings.Fields(c.args)...); !strings.Contains(out, c.want) {
			t.Errorf("tshark %s does not say %q:\n%s", c.args, c.want, out)
		}
	}
	if out := tshark("-q", "-z", "expert,warn"); strings.Contains(out, "Malformed") {
		t.Error(out)
	}
}

func FuzzReader(f *testing.F) {
	data, _ := example(f)
	f.Add(data)
	f.Add(rewrite(f, data)[:600])
	f.Add(concat(section(), block(1, 0, 101, 0, 0, 0, 0, 0, 0), block(6, make([]byte, 60)...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, _, _ := readAll(data)
		for _, r := range records {
			if r.Event == nil && r.RTP == nil && r.RTCP == nil {
				t.Fatalf("an empty record: %+v", r)
			}
			if r.Time.Before(time.Unix(0, 0)) || r.Time.After(time.Unix(1<<34, 0)) {
				t.Fatal(r.Time)
			}
		}
	})
}
