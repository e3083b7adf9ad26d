package resample

import (
	"fmt"
	"math"
)

const (
	lobes  = 48    // taps at the lower of the two rates
	phases = 256   // rows of the table per input sample
	cutoff = 0.975 // -6 dB point over the lower of the two Nyquist rates
	beta   = 7.4   // Kaiser window: stop band at about -75 dB
)

// Filter is a windowed sinc, tabulated at 256 phases between two input samples.
// Coefficients between two phases are interpolated linearly, which errs by less
// than -95 dB. All converters between the same rates may share one, as it does not
// change and the table takes some milliseconds to make.
type Filter struct {
	inRate, outRate int

	taps  int
	table []float32 // phases+1 rows of taps
}

// NewFilter returns the filter between two rates in Hz, each 1000 to 192000.
func NewFilter(inRate, outRate int) (*Filter, error) {
	if inRate < minRate || inRate > maxRate || outRate < minRate || outRate > maxRate {
		return nil, fmt.Errorf("resample: no conversion from %d to %d Hz", inRate, outRate)
	}
	low := float64(min(inRate, outRate)) / float64(inRate)
	half := int(math.Ceil(lobes / 2 / low))
	f := &Filter{inRate: inRate, outRate: outRate, taps: 2 * half, table: make([]float32, (phases+1)*2*half)}
	row := make([]float64, f.taps)
	for p := range phases + 1 {
		sum := 0.0
		for i := range row {
			x := float64(i-half+1) - float64(p)/phases
			row[i] = sinc(cutoff*low*x) * kaiser(x/float64(half))
			sum += row[i]
		}
		for i, c := range row {
			f.table[p*f.taps+i] = float32(c / sum)
		}
	}
	return f, nil
}

// apply returns the value at phase/den between the two middle ones of the first
// taps samples of x. The conversions keep the compiler from fusing operations,
// which would round differently from machine to machine.
func (f *Filter) apply(x []float32, phase, den int64) float32 {
	row := int(phase * phases / den)
	between := float32(float64(phase*phases%den) / float64(den))
	x = x[:f.taps]
	a := f.table[row*f.taps:][:len(x)]
	b := f.table[(row+1)*f.taps:][:len(x)]
	var a0, a1, b0, b1 float32
	for i := 0; i+1 < len(x); i += 2 {
		a0 += float32(x[i] * a[i])
		b0 += float32(x[i] * b[i])
		a1 += float32(x[i+1] * a[i+1])
		b1 += float32(x[i+1] * b[i+1])
	}
	a0 += a1
	b0 += b1
	return a0 + float32((b0-a0)*between)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window over -1 to 1.
func kaiser(x float64) float64 {
	return bessel(beta*math.Sqrt(max(0, 1-x*x))) / bessel(beta)
}

// bessel is the modified Bessel function of the first kind and order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
