package simulate

import "image"

// The stage is the largest 16:9 rectangle in the middle of a picture, which is
// what is left when the picture fills a 16:9 tile. Places on it are given on a
// plan of 320x180.
const (
	planWidth  = 320
	planHeight = 180
	minStage   = 256 // pixels of width
)

func stageOf(r image.Rectangle) image.Rectangle {
	w, h := r.Dx(), r.Dy()
	if w*planHeight > h*planWidth {
		w = h * planWidth / planHeight
	} else {
		h = w * planHeight / planWidth
	}
	at := r.Min.Add(image.Pt((r.Dx()-w)/4*2, (r.Dy()-h)/4*2))
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}
}

// place scales a rectangle of the plan to the stage.
func place(stage, r image.Rectangle) image.Rectangle {
	x := func(v int) int { return stage.Min.X + v*stage.Dx()/planWidth }
	y := func(v int) int { return stage.Min.Y + v*stage.Dy()/planHeight }
	return image.Rect(x(r.Min.X), y(r.Min.Y), x(r.Max.X), y(r.Max.Y))
}

// even widens r to even coordinates, where luma and chroma can be copied alike.
func even(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Min.X&^1, r.Min.Y&^1, (r.Max.X+1)&^1, (r.Max.Y+1)&^1)
}

// What is where on the plan. Recorders write names at the bottom: nothing to be
// read by machine is there.
func panelPlace() image.Rectangle    { return image.Rect(12, 4, 308, 28) }
func namePlace() image.Rectangle     { return image.Rect(16, 36, 244, 76) }
func flashPlace() image.Rectangle    { return image.Rect(256, 40, 304, 88) }
func timecodePlace() image.Rectangle { return image.Rect(16, 80, 174, 104) }
func ballPlace() image.Rectangle     { return image.Rect(16, 108, 304, 160) }

func stripCell(i int) image.Rectangle {
	const side = 9
	at := image.Pt(16+i%stripColumns*side, 7+i/stripColumns*side)
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(side, side))}
}
