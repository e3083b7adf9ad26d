package codec

/*
#include "polyphase.h"
*/
import "C"

import (
	"image"
	"math"
	"runtime"

	"golang.org/x/sys/cpu"
)

// What the vector code of a polyphase works on, in samples.
const (
	readBlock  = 32 // of a source row at a time; a row has no fewer
	writeBlock = 16 // of a row of the result at a time; a row has no fewer
	halfBlock  = writeBlock / 2
	maxSpread  = 14 // from the first window of half a block to its last: two taps of all are one load
)

// weightSum is what the weights of a window sum up to. With 6 bits nothing
// overflows 16 bits, not even where a window overshoots.
const weightSum = 64

// polyphase scales planes of one size to another, bicubically (B = 0, C = 0.6, as
// libswscale), in a fifth of libswscale's time. It is for processors with AVX2, and
// ratios down to 1/2.
type polyphase struct {
	luma, chroma planeFilter
	line         []uint8
}

// planeFilter has the windows of a plane.
type planeFilter struct {
	rows, columns window
	near          bool    // 16 samples are enough for 16 columns
	offsets       []int32 // of two halves for each 16 columns
	shuffles      []uint8
	weights       []int8
}

// window has, for each sample of an axis of the result, the first of the samples
// that it is made of, and their weights.
type window struct {
	from    int
	taps    int // even
	first   []int32
	weights []int8
}

// newPolyphase returns nil where it does not work.
func newPolyphase(key sizes) *polyphase {
	src, dst := key.src, key.dst
	p := &polyphase{line: make([]uint8, src.X+readBlock)}
	if !cpu.X86.HasAVX2 || !p.luma.init(src, dst) || !p.chroma.init(chromaSize(src), chromaSize(dst)) {
		return nil
	}
	return p
}

func (p *polyphase) scale(dst, src *image.YCbCr) {
	sy, su, sv := planes(src)
	dy, du, dv := planes(dst)
	p.plane(&p.luma, dy, dst.YStride, sy, src.YStride)
	p.plane(&p.chroma, du, dst.CStride, su, src.CStride)
	p.plane(&p.chroma, dv, dst.CStride, sv, src.CStride)
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
}

func (p *polyphase) plane(f *planeFilter, dst *C.uint8_t, ds int, src *C.uint8_t, ss int) {
	C.cr_polyphase(dst, C.ptrdiff_t(ds), C.int(len(f.columns.first)), C.int(len(f.rows.first)), src, C.ptrdiff_t(ss), C.int(f.columns.from),
		(*C.int32_t)(&f.rows.first[0]), (*C.int8_t)(&f.rows.weights[0]), C.int(f.rows.taps/2),
		(*C.int32_t)(&f.offsets[0]), (*C.uint8_t)(&f.shuffles[0]), (*C.int8_t)(&f.weights[0]), C.int(f.columns.taps/2), boolInt(f.near),
		(*C.uint8_t)(&p.line[0]))
}

// init reports whether the vector code can scale a plane so.
func (f *planeFilter) init(src, dst image.Point) bool {
	if src.X < readBlock || dst.X < writeBlock || src.X > 2*dst.X || src.Y > 2*dst.Y {
		return false
	}
	f.rows, f.columns = newWindow(src.Y, dst.Y), newWindow(src.X, dst.X)
	if f.rows.taps > src.Y {
		return false
	}
	f.near = f.columns.taps == 4
	for x := range dst.X - writeBlock + 1 {
		f.near = f.near && f.columns.first[x+writeBlock-1]-f.columns.first[x] <= writeBlock-4
	}
	for x := 0; x < dst.X; x += writeBlock {
		x = min(x, dst.X-writeBlock)
		second := x + halfBlock
		if f.near {
			second = x
		}
		if !f.addHalf(x, x) || !f.addHalf(x+halfBlock, second) {
			return false
		}
		f.addWeights(x)
	}
	return true
}

// addHalf adds where the windows of the columns from x on begin, after that of
// column base.
func (f *planeFilter) addHalf(x, base int) bool {
	from := f.columns.first[base]
	f.offsets = append(f.offsets, from)
	for _, at := range f.columns.first[x:][:halfBlock] {
		if at-from > maxSpread {
			return false
		}
		f.shuffles = append(f.shuffles, uint8(at-from), uint8(at-from+1))
	}
	return true
}

// addWeights adds the weights of the 16 columns from x on, two taps of all after
// two taps of all.
func (f *planeFilter) addWeights(x int) {
	taps := f.columns.taps
	for tap := 0; tap < taps; tap += 2 {
		for i := range writeBlock {
			at := (x+i)*taps + tap
			f.weights = append(f.weights, f.columns.weights[at], f.columns.weights[at+1])
		}
	}
}

// newWindow makes the windows that scale from samples to to. Where one would
// reach over an edge, the outermost sample stands for what is beyond.
func newWindow(from, to int) window {
	ratio := float64(from) / float64(to)
	stretch := max(1, ratio)
	w := window{from: from, taps: 2 * int(math.Ceil(2*stretch))}
	raw, folded := make([]float64, w.taps), make([]int8, w.taps)
	for i := range to {
		centre := (float64(i)+0.5)*ratio - 0.5
		start := int(math.Floor(centre)) - w.taps/2 + 1
		for k := range raw {
			raw[k] = cubic((float64(start+k) - centre) / stretch)
		}
		first := min(max(0, start), max(0, from-w.taps))
		clear(folded)
		for k, v := range roundWeights(raw) {
			folded[min(max(0, start+k), from-1)-first] += v
		}
		w.first = append(w.first, int32(first))
		w.weights = append(w.weights, folded...)
	}
	return w
}

// roundWeights makes weights of their shares: integers that sum up to weightSum.
func roundWeights(shares []float64) []int8 {
	sum := 0.0
	for _, v := range shares {
		sum += v
	}
	weights, rest, largest := make([]int8, len(shares)), int8(weightSum), 0
	for i, v := range shares {
		weights[i] = int8(math.Round(v / sum * weightSum))
		rest -= weights[i]
		if weights[i] > weights[largest] {
			largest = i
		}
	}
	weights[largest] += rest
	return weights
}

// cubic is the cubic convolution of Keys with a = -0.6.
func cubic(x float64) float64 {
	const a = -0.6
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	default:
		return 0
	}
}
