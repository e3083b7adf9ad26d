package compositor_test

import (
	"fmt"
	"image"
	"image/color"
	"log"

	"github.com/callreel/callreel/compositor"
)

func Example() {
	c, err := compositor.New(compositor.Config{EmptyText: "Nobody is here"})
	if err != nil {
		log.Fatal(err)
	}
	camera := image.NewYCbCr(image.Rect(0, 0, 640, 360), image.YCbCrSubsampleRatio420)
	tiles := []compositor.Tile{
		{Key: "ann", Label: "Ann Lee", Picture: camera, Version: 1},
		{Key: "bob", Label: "Bob"}, // no camera: an avatar
	}
	for range 2 {
		canvas, changed, err := c.Compose(tiles)
		if err != nil {
			log.Print(err)
		}
		fmt.Println(canvas.Rect.Size(), "changed", changed)
		tiles[0].Version++ // the decoder put the next picture into camera
	}
	// Output:
	// (1920,1080) changed [(0,0)-(1920,1080)]
	// (1920,1080) changed [(0,270)-(960,810)]
}

func ExamplePainter() {
	painter, err := compositor.NewPainter()
	if err != nil {
		log.Fatal(err)
	}
	frame := image.NewYCbCr(image.Rect(0, 0, 320, 180), image.YCbCrSubsampleRatio420)
	compositor.FillRect(frame, frame.Rect, compositor.LimitedRange(color.Black))
	line := painter.DrawText(frame, image.Pt(8, 8), 24, "00:00:01.125", compositor.LimitedRange(color.White))
	fmt.Println(line.In(frame.Rect))
	// Output: true
}

func ExampleCompositor_Arrange() {
	c, err := compositor.New(compositor.Config{Layout: compositor.ScreenLayout})
	if err != nil {
		log.Fatal(err)
	}
	places, err := c.Arrange([]compositor.Tile{
		{Key: "ann/camera"},
		{Key: "ann/screen", Fit: compositor.Contain},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("decode the camera at", places[0].Size(), "and the screen at", places[1].Size())
	// Output: decode the camera at (384,216) and the screen at (1536,864)
}
