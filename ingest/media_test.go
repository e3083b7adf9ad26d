package ingest

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A clip is a short coded video made by ffmpeg.
type clip struct {
	mime   string
	args   []string // encoder
	fourCC string   // of IVF; empty means H.264 annex B
	frames func(testing.TB) [][]byte
}

// clips are encoded once, when the first test needs them.
var clips = map[string]*clip{
	"vp8": newClip("video/VP8", "VP80", "-c:v libvpx -deadline realtime -cpu-used 8 -auto-alt-ref 0 -lag-in-frames 0 -g 12"),
	"vp8t": newClip("video/VP8", "VP80", "-c:v libvpx -deadline realtime -cpu-used 8 -auto-alt-ref 0 -lag-in-frames 0 -g 48 -b:v 400k -error-resilient 1 -ts-parameters "+
		"ts_number_layers=3:ts_target_bitrate=160,240,400:ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3"),
	"vp9": newClip("video/VP9", "VP90", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -g 12 -b:v 400k"),
	"vp9t": newClip("video/VP9", "VP90", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -g 48 -b:v 400k -error-resilient 1 -ts-parameters "+
		"ts_number_layers=3:ts_target_bitrate=160,240,400:ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3"),
	"h264": newClip("video/H264", "", "-c:v libx264 -preset ultrafast -tune zerolatency -g 12 -slices 2 -bsf:v h264_metadata=aud=insert"),
	"av1":  newClip("video/AV1", "AV01", "-c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 -g 12 -b:v 400k"),
}

func newClip(mime, fourCC, args string) *clip {
	c := &clip{mime: mime, fourCC: fourCC, args: strings.Fields(args)}
	encode := sync.OnceValues(c.encode)
	c.frames = func(t testing.TB) [][]byte {
		frames, err := encode()
		if err != nil {
			t.Fatal(err)
		}
		return frames
	}
	return c
}

const clipFrames, clipWidth, clipHeight = 48, 176, 144

func (c *clip) encode() ([][]byte, error) {
	format := "ivf"
	if c.fourCC == "" {
		format = "h264"
	}
	args := append(strings.Fields("-v error -f lavfi -i testsrc2=size=176x144:rate=24:duration=2 -pix_fmt yuv420p"), c.args...)
	cmd := exec.Command("ffmpeg", append(args, "-threads", "1", "-f", format, "-")...)
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	if c.fourCC == "" {
		return splitAccessUnits(out), nil
	}
	return splitIVF(out), nil
}

func splitIVF(b []byte) (frames [][]byte) {
	for b = b[32:]; len(b) >= 12; {
		n := 12 + int(binary.LittleEndian.Uint32(b))
		frames = append(frames, b[12:n:n])
		b = b[n:]
	}
	return frames
}

// splitNALs splits an annex B stream.
func splitNALs(b []byte) (nals [][]byte) {
	for _, n := range bytes.Split(b, []byte{0, 0, 1}) {
		if n = bytes.TrimRight(n, "\x00"); len(n) > 0 {
			nals = append(nals, n)
		}
	}
	return nals
}

// splitAccessUnits splits an annex B stream at its delimiters, which it drops.
func splitAccessUnits(b []byte) (aus [][]byte) {
	for _, n := range splitNALs(b) {
		if n[0]&0x1f == nalAUD {
			aus = append(aus, nil)
			continue
		}
		last := &aus[len(aus)-1]
		*last = append(append(*last, 0, 0, 0, 1), n...)
	}
	return aus
}

// A picture is what a decoder made of a frame.
type picture struct {
	frame int // its number
	hash  string
}

// decode decodes frames by their numbers. It fails if the decoder complains.
func (c *clip) decode(t testing.TB, frames map[int][]byte) (pictures []picture) {
	t.Helper()
	stream, format := c.container(frames), "ivf"
	if c.fourCC == "" {
		format = "h264"
	}
	cmd := exec.Command("ffmpeg", strings.Fields("-v error -xerror -threads 1 -f "+format+" -i - -fps_mode passthrough -f framemd5 -")...)
	cmd.Stdin = bytes.NewReader(stream)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, complaints.Bytes())
	}
	order := sortedKeys(frames)
	for line := range strings.Lines(string(out)) {
		cols := strings.Split(line, ",")
		if len(cols) < 6 || line[0] == '#' {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(cols[2]))
		if err != nil {
			t.Fatal(err)
		}
		if c.fourCC == "" { // annex B has no times
			n = order[len(pictures)]
		}
		pictures = append(pictures, picture{n, strings.TrimSpace(cols[5])})
	}
	return pictures
}

func (c *clip) container(frames map[int][]byte) []byte {
	var b []byte
	if c.fourCC != "" {
		b = append(b, "DKIF\x00\x00\x20\x00"...)
		b = append(b, c.fourCC...)
		b = binary.LittleEndian.AppendUint16(b, clipWidth)
		b = binary.LittleEndian.AppendUint16(b, clipHeight)
		b = binary.LittleEndian.AppendUint32(b, 24)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	for _, i := range sortedKeys(frames) {
		if c.fourCC != "" {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(frames[i])))
			b = binary.LittleEndian.AppendUint64(b, uint64(i))
		}
		b = append(b, frames[i]...)
	}
	return b
}
