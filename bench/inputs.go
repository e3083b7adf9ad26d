package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

// errInputs says that peers can't be given a call: they know files that have
// pictures and sound all the time.
var errInputs = errors.New("bench: peers record calls only in which all cameras are on and nobody shares a screen")

// writeInputs writes what participants send into files, as it is.
func (c call) writeInputs(ctx context.Context, dir string) error {
	if c.scenario.Cameras != On && c.scenario.Cameras != Muted {
		return errInputs
	}
	for _, p := range c.parties {
		if err := p.writeInput(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

func (p party) writeInput(ctx context.Context, dir string) error {
	sound, picture := p.sends[0], p.sends[len(p.sends)-1] // of simulcast the largest
	ogg := filepath.Join(dir, p.id+".ogg")
	if err := writeOgg(ogg, sound.coded); err != nil {
		return err
	}
	args := []string{"-v", "error", "-nostdin"}
	raw, ext := filepath.Join(dir, p.id+".ivf"), ".webm"
	data := ivf(picture.coded)
	if picture.MIME == "video/H264" {
		raw, ext, data = filepath.Join(dir, p.id+".h264"), ".mkv", annexB(picture.coded)
		args = append(args, "-framerate", "30")
	}
	if err := os.WriteFile(raw, data, 0o666); err != nil {
		return err
	}
	args = append(args, "-i", raw, "-i", ogg, "-c", "copy", filepath.Join(dir, p.id+ext))
	return errors.Join(run(ctx, dir, "ffmpeg", args...), os.Remove(raw), os.Remove(ogg))
}

// ivf writes frames in the container of libvpx.
func ivf(c coded) []byte {
	fourcc := map[string]string{"video/VP8": "VP80", "video/VP9": "VP90", "video/AV1": "AV01"}[c.MIME]
	le := binary.LittleEndian
	b := bytes.NewBufferString("DKIF")
	head := le.AppendUint16(le.AppendUint16(nil, 0), 32)
	head = append(head, fourcc...)
	head = le.AppendUint16(le.AppendUint16(head, uint16(c.Size[0])), uint16(c.Size[1]))
	head = le.AppendUint32(le.AppendUint32(head, uint32(c.Clock)), uint32(c.Step))
	b.Write(le.AppendUint32(le.AppendUint32(head, uint32(len(c.Frames))), 0))
	for i, f := range c.Frames {
		b.Write(le.AppendUint64(le.AppendUint32(nil, uint32(len(f.Data))), uint64(i)))
		b.Write(f.Data)
	}
	return b.Bytes()
}

func annexB(c coded) []byte {
	var b bytes.Buffer
	for _, f := range c.Frames {
		b.Write(f.Data)
	}
	return b.Bytes()
}

// writeOgg writes Opus.
func writeOgg(file string, c coded) (err error) {
	w, err := oggwriter.New(file, uint32(c.Clock), 1)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.TrimSuffix(filepath.Base(file), ".ogg"), err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for i, f := range c.Frames {
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32((i + 1) * c.Step)}, Payload: f.Data}
		if err := w.WriteRTP(p); err != nil {
			return err
		}
	}
	return nil
}
