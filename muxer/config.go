package muxer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/Eyevinn/mp4ff/aac"
	"github.com/Eyevinn/mp4ff/avc"
)

// TickRate is the number of ticks in a second. Positions on the recording's
// timeline and the timescale of video are in ticks: 6000 make a frame at 8
// frames/s and 3 a sample at 16 kHz.
const TickRate = 48000

const (
	defaultFragment = 2 * TickRate
	minFragment     = TickRate / 10
	maxFragment     = 60 * TickRate
	maxDecodeDelay  = 10 * TickRate
)

// File is where a chunk goes. [os.File] satisfies it. The muxer owns a file
// from the moment that it gets it and closes it.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Config says what a recording consists of. At least one track is needed.
type Config struct {
	// Video describes the video track. Nil means that there is none.
	Video *VideoTrack
	// Audio describes the audio track. Nil means that there is none.
	Audio *AudioTrack
	// Start is the position of the first chunk's beginning, in ticks. It is not
	// zero when a recording goes on after a crash.
	Start int64
	// Index is the number of the first chunk.
	Index int
	// FragmentDuration is in ticks, 0.1 s to 60 s. Zero means 2 s.
	FragmentDuration int64
	// NoSync leaves out syncing each fragment to the disk. A finished chunk is
	// synced in any case.
	NoSync bool
	// Created is the creation time that the files state. Zero means none.
	Created time.Time
}

// VideoTrack describes H.264 (ISO/IEC 14496-10) whose parameter sets stay the
// same for the whole recording. Its timescale is [TickRate].
type VideoTrack struct {
	// Width and Height are those of the picture, 1 to 65535, as the SPS says.
	Width, Height int
	// SPS and PPS are the parameter sets, NAL units without start code.
	SPS, PPS [][]byte
	// Colour goes into a colr box. Zero means that the file says nothing.
	Colour Colour
	// DecodeDelay is by how many ticks the first DTS precedes the first PTS,
	// because B-frames are decoded after frames that are shown later: 0 to 10 s.
	DecodeDelay int64
}

// Colour is how samples map to colours, in code points of ISO/IEC 23091-2.
type Colour struct {
	Primaries, Transfer, Matrix uint16
	FullRange                   bool
}

// AudioTrack describes AAC (ISO/IEC 14496-3). Its timescale is SampleRate.
type AudioTrack struct {
	// Config is the AudioSpecificConfig.
	Config []byte
	// SampleRate is in Hz and divides [TickRate], so that positions are exact
	// on both tracks: 8000, 12000, 16000, 24000 or 48000.
	SampleRate int
	// BitRate is in bits/s, for the header only. Zero means unknown.
	BitRate int
}

// check fills in defaults and tells what is wrong.
func (c *Config) check() error {
	if c.Video == nil && c.Audio == nil {
		return errors.New("no track")
	}
	if c.FragmentDuration == 0 {
		c.FragmentDuration = defaultFragment
	}
	if c.FragmentDuration < minFragment || c.FragmentDuration > maxFragment {
		return fmt.Errorf("fragment duration of %d ticks is not within %d to %d",
			c.FragmentDuration, minFragment, maxFragment)
	}
	if c.Start < 0 || c.Index < 0 {
		return fmt.Errorf("start %d or index %d is negative", c.Start, c.Index)
	}
	if c.Video != nil {
		if err := c.Video.check(); err != nil {
			return fmt.Errorf("video: %w", err)
		}
	}
	if c.Audio != nil {
		if err := c.Audio.check(c.Start); err != nil {
			return fmt.Errorf("audio: %w", err)
		}
	}
	return nil
}

func (v *VideoTrack) check() error {
	if len(v.SPS) == 0 || len(v.PPS) == 0 {
		return errors.New("no SPS or no PPS")
	}
	sps, err := avc.ParseSPSNALUnit(v.SPS[0], false)
	if err != nil {
		return fmt.Errorf("SPS: %w", err)
	}
	if sps.Width != uint(v.Width) || sps.Height != uint(v.Height) || v.Width > 0xffff || v.Height > 0xffff {
		return fmt.Errorf("size %dx%d is not the SPS's %dx%d or too large", v.Width, v.Height, sps.Width, sps.Height)
	}
	if v.DecodeDelay < 0 || v.DecodeDelay > maxDecodeDelay {
		return fmt.Errorf("decode delay of %d ticks is not within 0 to %d", v.DecodeDelay, maxDecodeDelay)
	}
	return nil
}

func (a *AudioTrack) check(start int64) error {
	if a.SampleRate <= 0 || TickRate%a.SampleRate != 0 {
		return fmt.Errorf("sample rate %d does not divide %d", a.SampleRate, TickRate)
	}
	asc, err := aac.DecodeAudioSpecificConfigHeader(bytes.NewReader(a.Config))
	if err != nil {
		return fmt.Errorf("AudioSpecificConfig: %w", err)
	}
	if asc.SamplingFrequency != a.SampleRate {
		return fmt.Errorf("sample rate %d is not the AudioSpecificConfig's %d", a.SampleRate, asc.SamplingFrequency)
	}
	if a.BitRate < 0 || a.BitRate > 1<<31-1 {
		return fmt.Errorf("bit rate %d is out of range", a.BitRate)
	}
	if start%a.ticks() != 0 {
		return fmt.Errorf("start %d is not on an audio sample", start)
	}
	return nil
}

// ticks is how many make one sample.
func (a *AudioTrack) ticks() int64 { return TickRate / int64(a.SampleRate) }
