package codec

import (
	"crypto/sha256"
	"encoding/hex"
	"image"
	"os"
	"os/exec"
	"testing"
)

// What was in memory before must not matter to what is encoded. The C library
// fills memory with what MALLOC_PERTURB_ says, so each try is a process.
func TestEncodingDependsOnPicturesAlone(t *testing.T) {
	const child = "CALLREEL_ENCODE"
	if os.Getenv(child) != "" {
		_, err := os.Stdout.WriteString(hashOfMotion(t, func(*image.YCbCr) {}))
		if err != nil {
			t.Fatal(err)
		}
		os.Exit(0) // before the test prints more
	}
	var first string
	for i, fill := range []string{"0", "1", "85", "170", "254"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"=1", "MALLOC_PERTURB_="+fill)
		out, err := cmd.Output()
		if err != nil || len(out) != 2*sha256.Size {
			t.Fatalf("%v, %q", err, out)
		}
		if i == 0 {
			first = string(out)
		} else if string(out) != first {
			t.Errorf("other bytes with memory full of %s", fill)
		}
	}
}

// The encoder looks at a picture no longer than the call lasts, although it holds
// some back.
func TestPicturesAreLent(t *testing.T) {
	scribble := func(img *image.YCbCr) {
		for _, plane := range [][]uint8{img.Y, img.Cb, img.Cr} {
			for i := range plane {
				plane[i] = ^plane[i]
			}
		}
	}
	if hashOfMotion(t, scribble) != hashOfMotion(t, func(*image.YCbCr) {}) {
		t.Error("what is written to a picture afterwards is in the stream")
	}
}

// hashOfMotion encodes a square that moves in front of noise, in a size that
// leaves macroblocks over in every direction. Each picture is given to after when
// the encoder has had it.
func hashOfMotion(t *testing.T, after func(*image.YCbCr)) string {
	t.Helper()
	const width, height, frames = 336, 180, 40
	enc, err := NewVideoEncoder(VideoEncoderConfig{
		Encoder: "libx264", Width: width, Height: height, FrameRate: 8, KeyInterval: 32,
		Options: map[string]string{"preset": "superfast", "crf": "24", "bf": "2", "b_strategy": "0", "mbtree": "1", "rc-lookahead": "8"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	h := sha256.New()
	take := func(packets []Packet, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			h.Write(p.Data)
		}
	}
	for n := range frames {
		img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		for i := range img.Y {
			x, y := i%width, i/width
			img.Y[i] = uint8(40 + (x*x+y*x*7+y*y)/97%120)
			if x >= 7*n && x < 7*n+90 && y >= 3*n && y < 3*n+80 {
				img.Y[i] = uint8(200 - (x-7*n)&31)
			}
		}
		take(enc.Encode(img, int64(n), n == 0))
		after(img)
	}
	take(enc.Flush())
	return hex.EncodeToString(h.Sum(nil))
}
