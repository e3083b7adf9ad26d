package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

// readVector reads packets behind their lengths (RFC 4571).
func readVector(t testing.TB, name string) (pkts []*rtp.Packet) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		p := &rtp.Packet{}
		if err := p.Unmarshal(b[2:n:n]); err != nil {
			t.Fatal(err)
		}
		pkts = append(pkts, p)
		b = b[n:]
	}
	return pkts
}

// clone copies packets: a receiver changes what it is given.
func clone(p *rtp.Packet) *rtp.Packet { return p.Clone() }

func newRecoverer(t testing.TB, mime string, types Payloads) *Receiver {
	t.Helper()
	c, err := CodecByMime(mime)
	if err != nil {
		t.Fatal(err)
	}
	return NewReceiver(ReceiverConfig{Codec: c, Payloads: types, Extensions: Extensions{AbsSendTime: 3, TransportSequence: 5}})
}

var (
	opusRED = Payloads{Media: 111, RED: 63}
	vp8FEC  = Payloads{Media: 96, RED: 116, ULPFEC: 122}
)

// units returns what comes out of a receiver that is pushed packets, except lost ones.
func units(r *Receiver, pkts []*rtp.Packet, lost func(i int) bool) (out []Unit) {
	for i, p := range pkts {
		if !lost(i) {
			r.Push(clone(p), timebase.Ticks(i)*ms)
		}
	}
	r.Advance(timebase.Second * 10)
	for u, ok := r.Pop(); ok; u, ok = r.Pop() {
		out = append(out, u)
	}
	return out
}

func checkSame(t *testing.T, got, want []Unit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d units, want %d", len(got), len(want))
	}
	for i, u := range got {
		if u.RTP != want[i].RTP || !bytes.Equal(u.Data, want[i].Data) || u.Lost != 0 {
			t.Errorf("unit %d: %d %x lost %d, want %d %x", i, u.RTP, u.Data, u.Lost, want[i].RTP, want[i].Data)
		}
	}
}

// Each packet of the vector carries the last but one: of five in a row, two
// lost ones come back, however they are placed.
func TestREDVector(t *testing.T) {
	pkts := readVector(t, "red.rtp")
	whole := units(newRecoverer(t, "audio/opus", opusRED), pkts, func(int) bool { return false })
	expect(t, "units", len(whole), len(pkts))
	for _, pattern := range [][]int{{1}, {1, 2}, {2, 3}} {
		t.Run(fmt.Sprint(pattern), func(t *testing.T) {
			r := newRecoverer(t, "audio/opus", opusRED)
			lost := func(i int) bool { return i < len(pkts)-2 && slices.Contains(pattern, i%5) }
			n := 0
			for i := range pkts {
				n += b2i(lost(i))
			}
			checkSame(t, units(r, pkts, lost), whole)
			expect(t, "recovered", r.Stats().Recovered, uint64(n))
			expect(t, "lost", r.Stats().Lost, 0)
		})
	}
}

// redPacket makes a packet as browsers do: the payloads of the packets before,
// oldest first, and its own.
func redPacket(pkts []*rtp.Packet, i, redundancy int) *rtp.Packet {
	p := clone(pkts[i])
	p.PayloadType = 63
	var head, body []byte
	for j := max(0, i-redundancy); j < i; j++ {
		age := p.Timestamp - pkts[j].Timestamp
		if age >= 1<<14 {
			continue
		}
		head = binary.BigEndian.AppendUint32(head, 0x80<<24|111<<24|age<<10|uint32(len(pkts[j].Payload)))
		body = append(body, pkts[j].Payload...)
	}
	p.Payload = append(append(append(head, 111), body...), p.Payload...)
	return p
}

// talk makes packets of 20 ms of Opus, with silences that are not sent.
func talk(n int) (pkts []*rtp.Packet) {
	rng := rand.New(rand.NewPCG(1, 2))
	ts := uint32(1<<32 - 100*960)
	for i := range n {
		payload := make([]byte, 40+rng.IntN(40))
		for j := range payload {
			payload[j] = byte(rng.Uint32())
		}
		payload[0] = 0x78 // CELT, 20 ms, one frame
		step := uint32(960)
		if i%50 == 49 {
			payload, step = []byte{0x78, byte(i)}, 960*uint32(5+rng.IntN(20))
		}
		p := pkt(uint16(65000+i), ts, false, payload...)
		p.PayloadType = 111
		pkts = append(pkts, p)
		ts += step
	}
	return pkts
}

// At random losses of 10 % all is recovered but runs longer than the redundancy.
func TestREDLoss(t *testing.T) {
	const n = 3000
	plain := talk(n)
	for redundancy, want := range map[int]float64{1: 0.85, 2: 0.97} {
		t.Run(fmt.Sprint(redundancy), func(t *testing.T) {
			var sent []*rtp.Packet
			for i := range plain {
				sent = append(sent, redPacket(plain, i, redundancy))
			}
			rng := rand.New(rand.NewPCG(3, 4))
			lost := map[int]bool{}
			for i := 1; i < n-redundancy; i++ {
				lost[i] = rng.Float64() < 0.1
			}
			r := newRecoverer(t, "audio/opus", opusRED)
			got := map[int64][]byte{}
			for _, u := range units(r, sent, func(i int) bool { return lost[i] }) {
				got[u.RTP] = u.Data
			}
			checkTalk(t, plain, lost, redundancy, got)
			st := r.Stats()
			if f := float64(st.Recovered) / float64(st.Recovered+st.Lost); f < want {
				t.Errorf("%.3f of the lost packets recovered: %+v", f, st)
			}
		})
	}
}

// checkTalk checks that a packet came through, bit by bit, if it or one of those
// after it that repeat it did.
func checkTalk(t *testing.T, plain []*rtp.Packet, lost map[int]bool, redundancy int, got map[int64][]byte) {
	t.Helper()
	clock := timebase.Unwrapper{Bits: 32}
	for i, p := range plain {
		want := false
		for j := i; j <= i+redundancy && j < len(plain); j++ {
			want = want || !lost[j] && plain[j].Timestamp-p.Timestamp < 1<<14
		}
		data, ok := got[clock.Unwrap(p.Timestamp)]
		if ok != want || ok && !bytes.Equal(data, p.Payload) {
			t.Fatalf("packet %d, lost %v: got %v, want %v: %x", i, lost[i], ok, want, data)
		}
	}
}

// A packet that comes after it was restored was not lost.
func TestREDReordered(t *testing.T) {
	plain := talk(4)
	r := newRecoverer(t, "audio/opus", opusRED)
	for _, i := range []int{0, 2, 1, 3} {
		r.Push(redPacket(plain, i, 1), 0)
	}
	st := r.Stats()
	expect(t, "recovered", st.Recovered, 0)
	expect(t, "duplicate", st.Duplicate, 0)
	expect(t, "units", st.Units, 4)
}

func TestUnlistedPayloadTypes(t *testing.T) {
	plain := talk(5)
	plain[1].PayloadType = 13  // comfort noise
	plain[3].PayloadType = 101 // telephone event
	r := newRecoverer(t, "audio/opus", opusRED)
	got := units(r, plain, func(int) bool { return false })
	expect(t, "units", len(got), 3)
	st := r.Stats()
	expect(t, "unlisted", st.Unlisted, 2)
	expect(t, "lost", st.Lost, 0)
}

// The payload type of PCMU is zero, which is one like others.
func TestREDOfTypeZero(t *testing.T) {
	plain := talk(6)
	plain[3].PayloadType = 13 // comfort noise
	r := newRecoverer(t, "audio/PCMU", Payloads{Media: 0, RED: 63})
	for i, p := range plain {
		if p = clone(p); i != 3 {
			p.PayloadType = 63
			p.Payload = append([]byte{0}, p.Payload...)
		}
		r.Push(p, 0)
	}
	for i := range plain {
		if i == 3 {
			continue
		}
		if u, _ := r.Pop(); !bytes.Equal(u.Data, plain[i].Payload) {
			t.Errorf("packet %d: got %x, want %x", i, u.Data, plain[i].Payload)
		}
	}
}

// An event took the number of the packet that the redundant block repeats.
func TestREDAfterAnotherType(t *testing.T) {
	plain := talk(3)
	r := newRecoverer(t, "audio/opus", opusRED)
	r.Push(clone(plain[0]), 0)
	late := redPacket([]*rtp.Packet{plain[0], plain[2]}, 1, 1)
	r.Push(late, 0)
	expect(t, "recovered", r.Stats().Recovered, 0)
	expect(t, "missing", len(r.asker.open), 1)
}

// A receiver that starts anew takes nothing from before, in whatever order packets come.
func TestREDAfterReset(t *testing.T) {
	plain := talk(10)
	for _, order := range [][]int{{7, 8, 9}, {8, 7, 9}, {7, 9}} {
		r := newRecoverer(t, "audio/opus", opusRED)
		for i := range 4 {
			r.Push(redPacket(plain, i, 2), 0)
		}
		drainUnits(r)
		r.Reset()
		for _, i := range order {
			r.Push(redPacket(plain, i, 2), 0)
		}
		for u, ok := r.Pop(); ok; u, ok = r.Pop() {
			if ts := uint32(u.RTP); ts-plain[order[0]].Timestamp > 1<<31 {
				t.Errorf("%v: a unit of %d, from before the first", order, ts)
			}
		}
		expect(t, "units", r.Stats().Units, uint64(4+plain[9].Timestamp/960-plain[order[0]].Timestamp/960+1))
	}
}

func TestSplitREDErrors(t *testing.T) {
	for _, s := range []string{"", "ef", "ef0000", "ef000004", "ef00000461", "ef000004 6f 010203"} {
		if _, err := splitRED(unhex(s), nil); err == nil {
			t.Errorf("%s: no error", s)
		}
	}
	if _, err := splitRED(bytes.Repeat([]byte{0xef, 0, 0, 0}, 100), nil); err == nil {
		t.Error("100 blocks: no error")
	}
}

// Of each packet that is lost alone among those that error correction protects,
// all of it comes back.
func TestULPFECVector(t *testing.T) {
	pkts := readVector(t, "ulpfec.rtp")
	whole := units(newRecoverer(t, "video/VP8", vp8FEC), pkts, func(int) bool { return false })
	expect(t, "units", len(whole), 12)
	protected := protectedBy(t, pkts)
	if len(protected) < 20 {
		t.Errorf("%d packets are protected", len(protected))
	}
	for i, p := range pkts {
		if i == 0 || !protected[p.SequenceNumber] {
			continue
		}
		r := newRecoverer(t, "video/VP8", vp8FEC)
		got := units(r, pkts, func(j int) bool { return j == i })
		checkSame(t, got, whole)
		if st := r.Stats(); st.Recovered != 1 || st.Lost != 0 || st.Malformed != 0 {
			t.Errorf("packet %d: %+v", i, st)
		}
	}
}

// protectedBy returns the sequence numbers of the packets that are protected.
func protectedBy(t *testing.T, pkts []*rtp.Packet) map[uint16]bool {
	t.Helper()
	seqs := map[uint16]bool{}
	for _, p := range pkts {
		if p.Payload[0] != vp8FEC.ULPFEC {
			continue
		}
		fec, err := parseFEC(p.Payload[1:])
		if err != nil {
			t.Fatal(err)
		}
		for seq := range fec.protected(0) {
			seqs[seq] = true
		}
	}
	return seqs
}

// fecFor makes a packet of error correction for consecutive packets: the levels
// protect spans of bytes of those in their masks.
func fecFor(pkts []*rtp.Packet, long bool, spans []int, masks []uint64) []byte {
	var raw [][]byte
	head := make([]byte, fecHeader)
	for _, p := range pkts {
		b, _ := p.Marshal()
		raw = append(raw, b)
		xor(head[:8], b)
		xor(head[8:], binary.BigEndian.AppendUint16(nil, uint16(len(b)-rtpHeader)))
	}
	head[0] &= 0x3f
	maskSize := 2
	if long {
		head[0] |= 0x40
		maskSize = 6
	}
	binary.BigEndian.PutUint16(head[2:], pkts[0].SequenceNumber)
	from := rtpHeader
	for i, n := range spans {
		data := make([]byte, n)
		mask := masks[i] &^ (^uint64(0) >> len(pkts))
		for j, b := range raw {
			if mask>>(63-j)&1 == 1 {
				xor(data, b[min(from, len(b)):])
			}
		}
		head = binary.BigEndian.AppendUint16(head, uint16(n))
		head = append(head, binary.BigEndian.AppendUint64(nil, mask)[:maskSize]...)
		head = append(head, data...)
		from += n
	}
	return head
}

// protectedPackets are packets of all shapes that a header allows.
func protectedPackets(n int) (pkts []*rtp.Packet) {
	for i := range n {
		p := pkt(uint16(65530+i), uint32(i)*3000, i%2 == 0, bytes.Repeat([]byte{byte(i + 1)}, 10+7*i)...)
		p.PayloadType = 96
		if i%3 == 1 {
			p.CSRC = []uint32{uint32(i), 7}
		}
		if i%4 == 2 {
			_ = p.SetExtension(1, []byte{byte(i), 2, 3})
			_ = p.SetExtension(3, []byte{0, 0, 0}) // the time of sending is not known yet
		}
		if i%5 == 3 {
			p.Padding, p.PaddingSize = true, 4
		}
		pkts = append(pkts, p)
	}
	return pkts
}

func TestULPFECLevels(t *testing.T) {
	const all = ^uint64(0)
	pkts := protectedPackets(20)
	tests := []struct {
		name     string
		long     bool
		spans    []int
		masks    []uint64
		lost     int
		restored bool
	}{
		{"one level", true, []int{400}, []uint64{all}, 7, true},
		{"two levels", true, []int{30, 400}, []uint64{all, all}, 9, true},
		{"the second protects others", true, []int{30, 400}, []uint64{all, all >> 10}, 12, true},
		{"the second does not protect it", true, []int{30, 400}, []uint64{all, all >> 10}, 9, false},
		{"small enough for the first", true, []int{60, 400}, []uint64{all, all >> 10}, 2, true},
		{"not all is protected", true, []int{30}, []uint64{all}, 9, false},
		{"short mask", false, []int{400}, []uint64{all}, 3, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			protected := pkts
			if !tt.long {
				protected = pkts[:16]
			}
			f := newULPFEC(Extensions{AbsSendTime: 3})
			if err := f.addFEC(fecFor(protected, tt.long, tt.spans, tt.masks), testSSRC); err != nil {
				t.Fatal(err)
			}
			for i, p := range protected {
				if i != tt.lost {
					q := clone(p)
					if q.GetExtension(3) != nil {
						copy(q.GetExtension(3), "\x01\x02\x03")
					}
					f.addMedia(q)
				}
			}
			got := f.recover()
			if !tt.restored {
				expect(t, "restored", got, nil)
				return
			}
			if got == nil {
				t.Fatal("not restored")
			}
			want, _ := protected[tt.lost].Marshal()
			b, err := got.Marshal()
			if err != nil || !bytes.Equal(b, want) {
				t.Errorf("restored %x, %v, want %x", b, err, want)
			}
		})
	}
}

// Two packets of a row and a column are restored one after the other.
func TestULPFECChain(t *testing.T) {
	pkts := protectedPackets(4)
	f := newULPFEC(Extensions{})
	for _, p := range []*rtp.Packet{pkts[0], pkts[3]} {
		f.addMedia(clone(p))
	}
	all := []uint64{^uint64(0)}
	for _, fec := range [][]byte{fecFor(pkts[:3], false, []int{99}, all), fecFor(pkts[2:], false, []int{99}, all)} {
		if err := f.addFEC(fec, testSSRC); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint16
	for p := f.recover(); p != nil; p = f.recover() {
		got = append(got, p.SequenceNumber-pkts[0].SequenceNumber)
	}
	expect(t, "restored", got, []uint16{2, 1})
	expect(t, "waiting", len(f.fec), 0)
}

func TestULPFECBounds(t *testing.T) {
	f := newULPFEC(Extensions{})
	pkts := protectedPackets(2)
	fec := fecFor(pkts, false, []int{99}, []uint64{^uint64(0)})
	for range 1000 {
		if err := f.addFEC(fec, testSSRC); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "waiting", len(f.fec), maxFEC)
	late := clone(pkts[0])
	late.SequenceNumber += 2 * fecSpan
	f.addMedia(late)
	expect(t, "restored", f.recover(), nil)
	expect(t, "waiting", len(f.fec), 0)
}

// Each level costs work on all packets, so that there may not be many of them.
func TestParseFECErrors(t *testing.T) {
	head, level := make([]byte, fecHeader), []byte{0, 1, 0x80, 0, 7}
	for _, tt := range []struct {
		name string
		in   []byte
		want error
	}{
		{"most levels", append(head, bytes.Repeat(level, maxLevels)...), nil},
		{"too many levels", append(head, bytes.Repeat(level, maxLevels+1)...), errUnsupported},
		{"no level", head, errShort},
		{"cut header", head[1:], errShort},
		{"cut mask", append(head, level[:3]...), errShort},
		{"cut data", append(head, level[:4]...), errShort},
	} {
		if _, err := parseFEC(tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// Whatever comes, a receiver survives it and stays within its bounds.
func FuzzRecovery(f *testing.F) {
	for _, name := range []string{"red.rtp", "ulpfec.rtp"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 1500)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range []*Receiver{newRecoverer(t, "audio/opus", opusRED), newRecoverer(t, "video/VP8", vp8FEC)} {
			now := timebase.Ticks(0)
			for rest := b; len(rest) > 2; now += ms {
				n := min(2+int(binary.BigEndian.Uint16(rest)), len(rest))
				p := &rtp.Packet{}
				if p.Unmarshal(bytes.Clone(rest[2:n])) == nil {
					r.cfg.Payloads.Strip(clone(p), p.Timestamp-960, p.SequenceNumber-1)
					r.Push(p, now)
				}
				rest = rest[n:]
				if got := r.WantPackets(now, nil); len(got) > maxAsked {
					t.Fatalf("%d packets wanted", len(got))
				}
			}
			r.Advance(now + timebase.Second)
			if n := len(r.asker.open); n > maxJump || r.Stats().Recovered > uint64(len(b)) {
				t.Fatalf("%d packets missing, %+v", n, r.Stats())
			}
			drainUnits(r)
		}
	})
}
