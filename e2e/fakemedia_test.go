package e2e

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// fakeMedia is what a browser's fake camera and microphone show and let hear.
// Chromium plays both files from the same moment on, give or take 50 ms, and again
// from their beginnings when they end, which takes them apart: they must last.
type fakeMedia struct {
	size   image.Point // even
	fps    int
	length time.Duration
	draw   func(img *image.YCbCr, frame int) // over the frame before
	sound  func(pcm []float64)               // at 48 kHz; full scale is 1
}

const fakeRate = 48000 // Hz

// flags writes the files and returns the flags of a browser that sends them.
func (f fakeMedia) flags(t *testing.T) []chromedp.ExecAllocatorOption {
	t.Helper()
	dir := t.TempDir()
	camera, microphone := filepath.Join(dir, "camera.y4m"), filepath.Join(dir, "microphone.wav")
	write(t, camera, f.writeY4M)
	write(t, microphone, f.writeWAV)
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("use-file-for-fake-video-capture", camera),
		chromedp.Flag("use-file-for-fake-audio-capture", microphone),
	}
}

func write(t *testing.T, name string, fill func(*bufio.Writer)) {
	t.Helper()
	file, err := os.Create(name)
	must(t, err)
	w := bufio.NewWriterSize(file, 1<<20)
	fill(w)
	must(t, w.Flush()) // has the first error
	must(t, file.Close())
}

func (f fakeMedia) writeY4M(w *bufio.Writer) {
	_, _ = fmt.Fprintf(w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420mpeg2\n", f.size.X, f.size.Y, f.fps)
	img := image.NewYCbCr(image.Rectangle{Max: f.size}, image.YCbCrSubsampleRatio420)
	fill(img.Cb, 128)
	fill(img.Cr, 128)
	for frame := range int(f.length * time.Duration(f.fps) / time.Second) {
		f.draw(img, frame)
		_, _ = w.WriteString("FRAME\n")
		for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
			_, _ = w.Write(plane)
		}
	}
}

func fill(plane []byte, value byte) {
	for i := range plane {
		plane[i] = value
	}
}

// writeWAV writes 16-bit mono PCM.
func (f fakeMedia) writeWAV(w *bufio.Writer) {
	pcm := make([]float64, int(f.length*fakeRate/time.Second))
	f.sound(pcm)
	size := uint32(2 * len(pcm))
	_, _ = w.WriteString("RIFF")
	_ = binary.Write(w, binary.LittleEndian, 36+size)
	_, _ = w.WriteString("WAVEfmt ")
	_ = binary.Write(w, binary.LittleEndian, struct {
		Size                 uint32
		Format, Channels     uint16
		Rate, BytesPerSecond uint32
		Align, Bits          uint16
	}{16, 1, 1, fakeRate, 2 * fakeRate, 2, 16})
	_, _ = w.WriteString("data")
	_ = binary.Write(w, binary.LittleEndian, size)
	for _, v := range pcm {
		_ = binary.Write(w, binary.LittleEndian, int16(math.Round(v*math.MaxInt16)))
	}
}
