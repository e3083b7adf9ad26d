package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// sampleEvery is how far apart the frames are whose similarity is measured. It
// has no factor in common with the distance of key frames.
const sampleEvery = 7

// similarity returns the mean SSIM of the frames of a file against those of a
// composition (4:2:0, one after the other).
func similarity(ctx context.Context, media, composition string, width, height int) (mean float64, err error) {
	ref, err := os.Open(composition)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, ref.Close()) }()
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", media, "-map", "0:v:0",
		"-vf", fmt.Sprintf("select=not(mod(n\\,%d))", sampleEvery), "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	mean, failed := compareFrames(bufio.NewReaderSize(out, 1<<20), ref, width, height)
	_, drained := io.Copy(io.Discard, out) // of what is left, so that FFmpeg ends
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return mean, errors.Join(failed, drained)
}

func compareFrames(decoded io.Reader, ref io.ReaderAt, width, height int) (float64, error) {
	luma, size := width*height, width*height*3/2
	got, want := make([]byte, size), make([]byte, luma)
	total, n := 0.0, 0
	for ; ; n++ {
		if _, err := io.ReadFull(decoded, got); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, fmt.Errorf("decoded frame %d: %w", n*sampleEvery, err)
		}
		_, err := ref.ReadAt(want, int64(n*sampleEvery)*int64(size))
		if errors.Is(err, io.EOF) {
			break // the file has more frames than the composition
		}
		if err != nil {
			return 0, err
		}
		total += ssim(got[:luma], want, width, height)
	}
	if n == 0 {
		return 0, errors.New("bench: no frames to compare")
	}
	return total / float64(n), nil
}
