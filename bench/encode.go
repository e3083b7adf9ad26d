package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/cpu"
)

// encodedFile is what the job leaves in its folder: the stream in Annex B form.
const encodedFile = "encoded.h264"

// Encoding is what encoding a composition with some settings came to.
type Encoding struct {
	Frames int64 `json:"frames"`
	// CPU seconds of the whole process while it encoded.
	CPU   float64 `json:"cpuSeconds"`
	Bytes int64   `json:"bytes"`
	// Memory is the most that the process had, less what it had before it opened
	// the encoder, in bytes.
	Memory int64 `json:"memoryBytes"`
	// Delay is how many frames went in before the first came out.
	Delay int64 `json:"delayFrames"`
	// SSIM as in Quality.
	SSIM float64 `json:"ssim,omitempty"`
}

// encode encodes the composition of a reference with the job's options alone.
func (j Job) encode(_ context.Context) (rep report, err error) {
	doc, err := os.ReadFile(filepath.Join(j.Dir, paletteFile))
	if err != nil {
		return rep, err
	}
	var ref reference
	if err := json.Unmarshal(doc, &ref); err != nil {
		return rep, err
	}
	cfg := ref.Encoder
	cfg.Options, cfg.GlobalHeader = j.Options, false
	out, err := os.Create(filepath.Join(j.Dir, encodedFile))
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	in, err := os.Open(filepath.Join(j.Dir, compositionFile))
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	rep.Encoding, err = encodeAll(cfg, in, out)
	return rep, err
}

// encodeAll encodes pictures (4:2:0, one after the other).
func encodeAll(cfg codec.VideoEncoderConfig, in io.Reader, out io.Writer) (e Encoding, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	img := image.NewYCbCr(image.Rect(0, 0, cfg.Width, cfg.Height), image.YCbCrSubsampleRatio420)
	r := bufio.NewReaderSize(in, 1<<20)
	ready, err := readPicture(r, img)
	if err != nil {
		return e, err
	}
	debug.FreeOSMemory()
	before := memoryNow()
	enc, err := codec.NewVideoEncoder(cfg)
	if err != nil {
		return e, err
	}
	defer enc.Close()
	e.Delay = -1
	for ready {
		if err := e.add(out, func() ([]codec.Packet, error) { return enc.Encode(img, e.Frames, e.Frames == 0) }); err != nil {
			return e, err
		}
		e.Frames++
		if ready, err = readPicture(r, img); err != nil {
			return e, err
		}
	}
	if e.Delay < 0 {
		e.Delay = e.Frames
	}
	err = e.add(out, enc.Flush)
	e.Memory = peakRSS() - before
	return e, err
}

// add counts and writes what comes of a step.
func (e *Encoding) add(out io.Writer, step func() ([]codec.Packet, error)) error {
	began := cpu.Process()
	packets, err := step()
	e.CPU += (cpu.Process() - began).Seconds()
	for _, p := range packets {
		if e.Delay < 0 {
			e.Delay = e.Frames
		}
		e.Bytes += int64(len(p.Data))
		if _, werr := out.Write(p.Data); werr != nil {
			return werr
		}
	}
	return err
}

// readPicture reads the planes of a picture; ready is false at the end.
func readPicture(r io.Reader, img *image.YCbCr) (ready bool, err error) {
	for i, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
		if _, err := io.ReadFull(r, plane); i == 0 && errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("composition: %w", err)
		}
	}
	return true, nil
}

// bitRate in bit/s.
func (e Encoding) bitRate() float64 { return float64(e.Bytes) * 8 * frameRate / float64(e.Frames) }

// frame is the CPU time of one.
func (e Encoding) frame() time.Duration {
	return time.Duration(e.CPU / float64(e.Frames) * float64(time.Second))
}
