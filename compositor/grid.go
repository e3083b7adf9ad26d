package compositor

import "image"

// Tiles are 16:9.
const (
	aspectX = 16
	aspectY = 9
)

// Grid divides bounds into n equal tiles, row by row: the largest 16:9
// rectangles of which n fit. They touch each other, the last row is centred and
// so is the whole block. All coordinates are even, and bounds are narrowed to
// even ones first. On a 16:9 canvas the grid is 1x1, 2x1, 2x2, 3x2, 3x3, 4x3,
// 4x4, 5x4, 5x5 columns by rows. Grid returns nil for n below 1.
func Grid(n int, bounds image.Rectangle) []image.Rectangle {
	if n < 1 {
		return nil
	}
	bounds = evenInside(bounds)
	cols := gridColumns(n, bounds.Dx(), bounds.Dy())
	rows := (n + cols - 1) / cols
	size := tileSize(bounds.Dx()/cols, bounds.Dy()/rows)
	top := bounds.Min.Y + evenDown((bounds.Dy()-rows*size.Y)/2)
	tiles := make([]image.Rectangle, 0, n)
	for first := 0; first < n; first += cols {
		inRow := min(cols, n-first)
		left := bounds.Min.X + evenDown((bounds.Dx()-inRow*size.X)/2)
		for i := range inRow {
			at := image.Pt(left+i*size.X, top+first/cols*size.Y)
			tiles = append(tiles, image.Rectangle{Min: at, Max: at.Add(size)})
		}
	}
	return tiles
}

// gridColumns returns the number of columns that gives the largest tiles. Of
// equals it takes the most columns, so that two tiles stand side by side.
func gridColumns(n, width, height int) int {
	best, bestScale := 1, 0
	bestRows := n
	for cols := 1; cols <= n; cols++ {
		rows := (n + cols - 1) / cols
		// The tile's scale is min(width/(16 cols), height/(9 rows)); as a
		// fraction over 144*cols*rows it compares exactly.
		scale := min(width*aspectY*rows, height*aspectX*cols)
		if scale*best*bestRows >= bestScale*cols*rows {
			best, bestRows, bestScale = cols, rows, scale
		}
	}
	return best
}

// tileSize returns the largest even 16:9 size inside a cell.
func tileSize(width, height int) image.Point {
	if width*aspectY > height*aspectX {
		width = height * aspectX / aspectY
	} else {
		height = width * aspectY / aspectX
	}
	return image.Pt(evenDown(width), evenDown(height))
}

func evenDown(v int) int { return v &^ 1 }

// evenInside returns the largest rectangle with even corners inside r.
func evenInside(r image.Rectangle) image.Rectangle {
	r.Min.X += r.Min.X & 1
	r.Min.Y += r.Min.Y & 1
	r.Max.X = evenDown(r.Max.X)
	r.Max.Y = evenDown(r.Max.Y)
	if r.Empty() {
		return image.Rectangle{Min: r.Min, Max: r.Min}
	}
	return r
}
