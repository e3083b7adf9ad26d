package compositor

// A picture is scaled with weights that sum up to 1<<weightBits, and a scaled
// row keeps rowBits of fraction: 8+8 bits in a uint16, times weightBits in a uint32.
const (
	weightBits = 16
	rowBits    = 8
)

// filterSize is the number of samples before and after scaling.
type filterSize struct{ from, to int }

// filter holds, for each sample of the result, the window of source samples that
// it is made of, and their weights.
type filter struct {
	first   []int    // of the window
	ends    []int    // of the window's weights
	weights []uint32 // of all windows, one after the other
}

func newFilter(size filterSize) *filter {
	f := &filter{
		first:   make([]int, 0, size.to),
		ends:    make([]int, 0, size.to),
		weights: make([]uint32, 0, size.from+2*size.to),
	}
	for i := range size.to {
		if size.from >= size.to {
			f.addArea(i, size)
		} else {
			f.addLinear(i, size)
		}
		f.ends = append(f.ends, len(f.weights))
	}
	return f
}

// addArea averages the stretch of source samples that sample i covers. Positions
// are in units of 1/to source samples, so all are integers. Weights are
// differences of rounded sums, which makes them sum up to one exactly.
func (f *filter) addArea(i int, size filterSize) {
	start, end := i*size.from, (i+1)*size.from
	k := start / size.to
	f.first = append(f.first, k)
	sum := 0
	for pos := start; pos < end; k++ {
		pos = min((k+1)*size.to, end)
		next := ((pos-start)<<weightBits + size.from/2) / size.from
		f.weights = append(f.weights, uint32(next-sum))
		sum = next
	}
}

// addLinear weighs the two source samples around the centre of sample i, whose
// position is a fraction over 2*to. Beyond the edge the outermost is repeated.
func (f *filter) addLinear(i int, size filterSize) {
	den := 2 * size.to
	pos := min(max(0, (2*i+1)*size.from-size.to), (size.from-1)*den)
	f.first = append(f.first, pos/den)
	right := uint32(((pos%den)<<weightBits + size.to) / den)
	f.weights = append(f.weights, 1<<weightBits-right)
	if right > 0 {
		f.weights = append(f.weights, right)
	}
}

// len is the number of samples of the result.
func (f *filter) len() int { return len(f.first) }

// window returns the first source sample of sample i and the weights from there.
func (f *filter) window(i int) (first int, weights []uint32) {
	start := 0
	if i > 0 {
		start = f.ends[i-1]
	}
	return f.first[i], f.weights[start:f.ends[i]]
}

// apply filters a row of samples into dst, with rowBits of fraction.
func (f *filter) apply(dst []uint16, src []uint8) {
	const half = 1 << (weightBits - rowBits - 1)
	start := 0
	for i, end := range f.ends {
		weights := f.weights[start:end]
		window := src[f.first[i]:][:len(weights)]
		sum := uint32(half)
		for k, w := range weights {
			sum += w * uint32(window[k])
		}
		dst[i] = uint16(sum >> (weightBits - rowBits))
		start = end
	}
}
