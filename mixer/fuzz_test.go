package mixer

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzMix runs a program of 8-byte operations: what, which input, a length, a
// position relative to the next block, and a value that samples are made of.
func FuzzMix(f *testing.F) {
	f.Add([]byte{0, 0, 9, 0, 0, 0, 0, 60, 1, 0, 9, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 1, 255, 255, 255, 1, 127, 255, 2, 0, 40, 0, 0, 0, 0, 0, 1, 0, 200, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 9, 0, 0, 0, 255, 255, 4, 0, 9, 100, 0, 0, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		m, ins := speakers(3)
		next := int64(0)
		for ; len(program) >= 8; program = program[8:] {
			in := ins[int(program[1])%len(ins)]
			n := int(program[2]) * 8
			pos := next + int64(int16(binary.LittleEndian.Uint16(program[3:])))*8
			switch program[0] % 5 {
			case 0:
				x := math.Float32frombits(binary.BigEndian.Uint32(program[4:]))
				in.WriteAt(pos, append(make([]float32, n), x, -x, x))
			case 1:
				mixChecked(t, m, next, n)
				next += int64(n)
			case 2:
				m.Cut(pos)
			case 3:
				in.Remove()
			case 4:
				mixChecked(t, m, pos, n)
				if pos >= 0 {
					next = pos + int64(n)
				}
			}
		}
	})
}

func mixChecked(t *testing.T, m *Mixer, pos int64, n int) {
	out := make([]int16, n)
	m.MixAt(pos, out)
	if peak(out) > ceiling {
		t.Fatalf("peak %d", peak(out))
	}
}
