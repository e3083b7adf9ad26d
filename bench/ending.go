package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/Eyevinn/mp4ff/avc"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/muxer"
)

// Ending is what it takes to finish the file of a long recording once the last
// frame is encoded.
type Ending struct {
	Length time.Duration `json:"lengthNs"`
	Bytes  int64         `json:"bytes"`
	Took   time.Duration `json:"tookNs"`
}

func (e Ending) String() string {
	if e.Bytes == 0 {
		return "That was not measured"
	}
	return fmt.Sprintf("Finishing one of %v and %.1f GB took %s", e.Length, float64(e.Bytes)/1e9, milliseconds(e.Took))
}

const (
	longRecording = 2 * time.Hour
	longRate      = 2e6 // bit/s of video
)

// Ending writes a file of a length, as a recording at the default quality has it,
// and measures how long finishing it takes.
func (r Runner) Ending(ctx context.Context, length time.Duration) (e Ending, err error) {
	temp, err := os.MkdirTemp("", "callreel-bench-*")
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	cfg, err := endingTracks()
	if err != nil {
		return e, err
	}
	f, err := os.Create(filepath.Join(temp, "0.mp4"))
	if err != nil {
		return e, err
	}
	m, err := muxer.New(cfg, func(int) (muxer.File, error) { return f, nil }) // there is one chunk
	if err != nil {
		return e, errors.Join(err, f.Close())
	}
	end := int64(length/time.Second) * muxer.TickRate
	writing := fill(ctx, m, end)
	if writing == nil {
		writing = f.Sync()
	}
	e.Length, e.Bytes = length, m.Current().Bytes
	begin := time.Now()
	_, err = m.Close(end)
	e.Took = time.Since(begin)
	r.say("a file of %v and %d MB: finished in %v", e.Length, e.Bytes/1e6, e.Took)
	return e, errors.Join(writing, err)
}

// endingTracks describes tracks as a recording has them.
func endingTracks() (cfg muxer.Config, err error) {
	v, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: "libx264", Width: 1920, Height: 1080, FrameRate: frameRate, KeyInterval: 4 * frameRate, GlobalHeader: true,
		Options: map[string]string{"preset": "ultrafast"},
	})
	if err != nil {
		return cfg, err
	}
	defer v.Close()
	a, err := codec.NewAACEncoder(mixRate, 64000)
	if err != nil {
		return cfg, err
	}
	defer a.Close()
	return muxer.Config{
		Video: &muxer.VideoTrack{
			Width: 1920, Height: 1080,
			SPS: avc.ExtractNalusOfTypeFromByteStream(avc.NALU_SPS, v.Header(), false),
			PPS: avc.ExtractNalusOfTypeFromByteStream(avc.NALU_PPS, v.Header(), false),
		},
		Audio:            &muxer.AudioTrack{Config: a.Config(), SampleRate: mixRate, BitRate: 64000},
		FragmentDuration: muxer.TickRate,
		NoSync:           true, // there is one before the end, as a recording has synced what it has
	}, nil
}

// fill writes both tracks up to a position. What is in the samples does not matter.
func fill(ctx context.Context, m *muxer.Muxer, end int64) error {
	const (
		frame    = muxer.TickRate / frameRate
		block    = 1024 // samples of an AAC frame
		perBlock = muxer.TickRate / mixRate
	)
	picture, sound := nal(longRate/8/frameRate), make([]byte, 64000/8*block/mixRate)
	heard := int64(0)
	for pos := int64(0); pos < end; pos += frame {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := m.WriteVideo(muxer.Sample{
			Data: picture, PTS: pos, DTS: pos, Duration: frame, Key: pos%(4*muxer.TickRate) == 0,
		}); err != nil {
			return err
		}
		for ; heard*perBlock < pos+frame; heard += block {
			if err := m.WriteAudio(muxer.Sample{Data: sound, PTS: heard, DTS: heard, Duration: block}); err != nil {
				return err
			}
		}
	}
	return nil
}

// nal is a NAL unit of so many bytes, with its length before it.
func nal(n int) []byte {
	b := make([]byte, n)
	size := n - 4
	b[0], b[1], b[2], b[3], b[4] = byte(size>>24), byte(size>>16), byte(size>>8), byte(size), byte(avc.NALU_IDR)
	return b
}
