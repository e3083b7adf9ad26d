package compositor

import "image"

// Fit says how a picture of another shape than its tile is shown.
type Fit uint8

// The ways to fit a picture.
const (
	Fill    Fit = iota // cut at the edges so that it covers the tile: cameras
	Contain            // whole, with black bars: shared screens
)

func (f Fit) String() string {
	if f == Contain {
		return "contain"
	}
	return "fill"
}

// cover returns the largest part of a picture that has the shape of a tile, cut
// from its middle with an even origin and, if it is cut, an even size.
func cover(picture, tile image.Point) image.Rectangle {
	size := picture
	if picture.X*tile.Y > picture.Y*tile.X {
		size.X = evenLength(picture.Y*tile.X, tile.Y, picture.X)
	} else {
		size.Y = evenLength(picture.X*tile.Y, tile.X, picture.Y)
	}
	at := image.Pt(evenDown((picture.X-size.X)/2), evenDown((picture.Y-size.Y)/2))
	return image.Rectangle{Min: at, Max: at.Add(size)}
}

// contain returns where in a tile a whole picture goes, with even coordinates.
func contain(picture image.Point, tile image.Rectangle) image.Rectangle {
	size := tile.Size()
	if picture.X*size.Y > picture.Y*size.X {
		size.Y = evenLength(size.X*picture.Y, picture.X, size.Y)
	} else {
		size.X = evenLength(size.Y*picture.X, picture.Y, size.X)
	}
	rest := tile.Size().Sub(size)
	at := tile.Min.Add(image.Pt(evenDown(rest.X/2), evenDown(rest.Y/2)))
	return image.Rectangle{Min: at, Max: at.Add(size)}
}

// evenLength rounds num/den to the nearest even number from 2 to limit. A limit
// below 2 is the length itself: a picture of one row or column.
func evenLength(num, den, limit int) int {
	return min(max(2, (num+den)/(2*den)*2), limit)
}
