package opusframe_test

import (
	"bytes"
	"testing"

	"github.com/callreel/callreel/internal/opusframe"
)

// That what is left is decoded to the same sound is tested where decoders are, in
// package codec.

// a packet of hybrid mode, of 20 ms in mono.
var packet = []byte{
	0x78, 0x83, 0x6d, 0xc8, 0x24, 0x45, 0x2d, 0x82, 0x27, 0x14, 0x5d, 0xda, 0xd0, 0x3c, 0x59, 0xb4, 0x11, 0x74, 0x12, 0x92, 0x09,
	0x06, 0x57, 0xa2, 0xc6, 0x66, 0xbb, 0x2c, 0xc2, 0x26, 0xf4, 0x80, 0x80, 0x88, 0x31, 0x4e, 0xc7, 0xc1, 0x50, 0x90, 0x1a, 0x30, 0x4d,
}

func TestWideband(t *testing.T) {
	got, ok := opusframe.Wideband([]byte("before"), packet)
	if !ok || len(got) < 10 || len(got) >= len("before")+len(packet) {
		t.Fatalf("%d bytes, %v", len(got), ok)
	}
	if !bytes.HasPrefix(got, []byte("before\x48\x83\x6d\xc8")) {
		t.Errorf("begins with %x", got[:10])
	}
}

// TestWidebandLeavesOthers: packets of SILK or CELT alone, those of several frames,
// and what is broken are left as they are.
func TestWidebandLeavesOthers(t *testing.T) {
	with := func(first byte) []byte { return append([]byte{first}, packet[1:]...) }
	for name, p := range map[string][]byte{
		"nothing": nil, "no frame": packet[:1], "cut off": packet[:6], "SILK": with(9 << 3), "CELT": with(31 << 3),
		"two frames": with(15<<3 | 1), "any number": with(15<<3 | 3), "too long": append(packet, make([]byte, 1300)...),
	} {
		if got, ok := opusframe.Wideband(nil, p); ok || len(got) > 0 {
			t.Errorf("%s: %x", name, got)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	room := make([]byte, 0, 1500)
	var meter opusframe.Meter
	if n := testing.AllocsPerRun(100, func() { opusframe.Wideband(room, packet); meter.Read(background) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// background is a packet of low noise, otherwise like packet.
var background = []byte{
	0x78, 0x0c, 0x46, 0xa9, 0x48, 0x76, 0xc7, 0xd7, 0xf4, 0xcd, 0x1d, 0xa6, 0x5d, 0x8c, 0x6d, 0xd2, 0xf2, 0xff, 0xa2, 0x02, 0xfe, 0xa9,
	0x48, 0xc3, 0xbd, 0x31, 0xfe, 0x5a, 0x70, 0x56, 0x14, 0x6e, 0xa6, 0x37, 0xfc, 0x9c, 0x59, 0x9b, 0xbf, 0x9c, 0xc2, 0x3a, 0x9a,
}

func TestMeter(t *testing.T) {
	with := func(first byte) []byte { return append([]byte{first}, background[1:]...) }
	for name, c := range map[string]struct {
		packet []byte
		ms     int // 0: it is none
	}{
		"hybrid": {background, 20}, "SILK": {with(9 << 3), 20}, "half as long": {with(14 << 3), 10}, "narrowband": {with(0), 10},
		"nothing": {nil, 0}, "no frame": {background[:1], 0}, "short CELT": {with(29 << 3), 0}, "40 ms": {with(10 << 3), 0},
		"60 ms": {with(11 << 3), 0}, "two frames": {with(15<<3 | 1), 0}, "speech": {packet, 0},
		"redundancy": {append([]byte{0x78, 0x40}, background[2:]...), 0},
	} {
		l, ok := new(opusframe.Meter).Read(c.packet)
		if ok != (c.ms > 0) || ok && (l.Milliseconds != c.ms || l.Level < 5 || l.Level > 11) {
			t.Errorf("%s: %+v, %v", name, l, ok)
		}
	}
}
