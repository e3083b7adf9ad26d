package inspect

import (
	"math"
	"math/big"
)

// scale is n*num/den without overflow on the way, rounded down and limited to
// what an int64 holds. It is 0 if den is 0.
func scale(n, num, den int64) int64 {
	if den == 0 {
		return 0
	}
	v := new(big.Int).Mul(big.NewInt(n), big.NewInt(num))
	v.Div(v, big.NewInt(den))
	switch {
	case v.IsInt64():
		return v.Int64()
	case v.Sign() < 0:
		return math.MinInt64
	default:
		return math.MaxInt64
	}
}

// fraction is num/den in lowest terms, such as 8 or 30000/1001.
func fraction(num, den *big.Int) string { return new(big.Rat).SetFrac(num, den).RatString() }
