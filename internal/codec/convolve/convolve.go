// Package convolve interpolates between samples with a tabulated filter, in the
// vectors that every amd64 and arm64 has. The same input gives the same bits on both.
package convolve

// #include "convolve.h"
import "C"

// Width is what a number of taps must be a multiple of.
const Width = 4

// Position is where the next output sample is among the input samples.
type Position struct {
	Step  int64 // from one output sample to the next, in 1/Den of an input sample
	Phase int64 // of it between two input samples, likewise: 0 to Den-1
	Den   int64
	At    int64 // index of the input sample for the first tap
}

// Run makes output samples for as long as there are input samples for all taps, and
// room, moves on and returns how many it made. table has rows+1 rows of taps, for
// phases of 0 to 1; between two of them it is interpolated. None of the slices may
// be empty.
func (p *Position) Run(out, in, table []float32, rows, taps int) int {
	at := C.cr_position{step: C.int64_t(p.Step), phase: C.int64_t(p.Phase), den: C.int64_t(p.Den), at: C.int64_t(p.At)}
	n := C.cr_convolve(at, (*C.float)(&table[0]), C.int(rows), C.int(taps), (*C.float)(&in[0]), C.int(len(in)), (*C.float)(&out[0]), C.int(len(out)))
	total := p.Phase + int64(n)*p.Step
	p.At += total / p.Den
	p.Phase = total % p.Den
	return int(n)
}
