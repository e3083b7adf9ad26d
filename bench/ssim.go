package bench

// ssim returns the mean structural similarity of two luma planes of a size whose
// sides divide by 4 (what is beyond is left out): of windows of 8x8 samples, 4
// apart, with equal weights, as FFmpeg's filter of that name and x264 do.
func ssim(a, b []byte, width, height int) float64 {
	w, h := width/4, height/4
	rows := [2][]sums{make([]sums, w), make([]sums, w)}
	total := 0.0
	for y := range h {
		row := rows[y%2]
		for x := range w {
			row[x] = sumBlock(a, b, width, 4*x, 4*y)
		}
		if y == 0 {
			continue
		}
		for x := range w - 1 {
			total += rows[0][x].plus(rows[0][x+1]).plus(rows[1][x]).plus(rows[1][x+1]).similarity()
		}
	}
	return total / float64((w-1)*(h-1))
}

// sums are those of the samples of two pictures, their squares, and products.
type sums struct{ a, b, squares, product int }

func (s sums) plus(o sums) sums {
	return sums{s.a + o.a, s.b + o.b, s.squares + o.squares, s.product + o.product}
}

// sumBlock sums a block of 4x4.
func sumBlock(a, b []byte, stride, x, y int) (s sums) {
	for row := range 4 {
		at := (y+row)*stride + x
		for i := range 4 {
			p, q := int(a[at+i]), int(b[at+i])
			s.a, s.b = s.a+p, s.b+q
			s.squares += p*p + q*q
			s.product += p * q
		}
	}
	return s
}

// similarity is that of a window of 64 samples.
func (s sums) similarity() float64 {
	const n = 64
	const c1, c2 = 0.01 * 0.01 * 255 * 255 * n, 0.03 * 0.03 * 255 * 255 * n * (n - 1)
	a, b := float64(s.a), float64(s.b)
	vars := float64(s.squares)*n - a*a - b*b
	covar := float64(s.product)*n - a*b
	return (2*a*b + c1) * (2*covar + c2) / ((a*a + b*b + c1) * (vars + c2))
}
