package resample

import (
	"fmt"
	"math"

	"github.com/callreel/callreel/internal/codec/convolve"
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
	taps := int(math.Ceil(lobes/convolve.Width/low)) * convolve.Width
	f := &Filter{inRate: inRate, outRate: outRate, taps: taps, table: make([]float32, (phases+1)*taps)}
	row, half := make([]float64, taps), taps/2
	for p := range phases + 1 {
		sum := 0.0
		for i := range row {
			x := float64(i-half+1) - float64(p)/phases
			row[i] = sinc(cutoff*low*x) * kaiser(x/float64(half))
			sum += row[i]
		}
		for i, c := range row {
			f.table[p*taps+i] = float32(c / sum)
		}
	}
	return f, nil
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
