// Package stills takes pictures out of a finished chunk: the key frames, and a
// contact sheet of them. It is for looking at a recording at a glance, not for
// playing it: nothing between key frames is decoded.
package stills

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/callreel/callreel/internal/codec"
)

// ErrNoVideo is returned for a file without an H.264 track.
var ErrNoVideo = errors.New("stills: no H.264 video")

// Still is a key frame. Picture is borrowed: valid during the call that gets it.
type Still struct {
	At      time.Duration // presentation time in the file
	Picture *image.YCbCr
}

// KeyFrames decodes the key frames of a fragmented MP4 in order, until yield
// returns an error.
func KeyFrames(r io.ReadSeeker, yield func(Still) error) error {
	f, err := mp4.DecodeFile(r)
	if err != nil {
		return fmt.Errorf("stills: %w", err)
	}
	v, err := findVideo(f)
	if err != nil {
		return err
	}
	dec, err := codec.NewVideoDecoder("video/H264")
	if err != nil {
		return err
	}
	defer dec.Close()
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			if err := v.fragment(frag, dec, yield); err != nil {
				return err
			}
		}
	}
	return nil
}

// video is what is needed of the header to decode the track.
type video struct {
	trex    *mp4.TrexBox
	headers []byte // parameter sets, Annex B
	scale   uint64
	offset  int64 // media time of the edit list
}

func findVideo(f *mp4.File) (*video, error) {
	if f.Init == nil || f.Init.Moov == nil || f.Init.Moov.Mvex == nil {
		return nil, ErrNoVideo
	}
	for _, trak := range f.Init.Moov.Traks {
		stsd := trak.Mdia.Minf.Stbl.Stsd
		if stsd == nil || stsd.AvcX == nil || stsd.AvcX.AvcC == nil {
			continue
		}
		trex, ok := f.Init.Moov.Mvex.GetTrex(trak.Tkhd.TrackID)
		if !ok {
			continue
		}
		v := &video{trex: trex, scale: uint64(trak.Mdia.Mdhd.Timescale)}
		for _, nalu := range append(stsd.AvcX.AvcC.SPSnalus, stsd.AvcX.AvcC.PPSnalus...) {
			v.headers = append(append(v.headers, 0, 0, 0, 1), nalu...)
		}
		if trak.Edts != nil && len(trak.Edts.Elst) > 0 && len(trak.Edts.Elst[0].Entries) > 0 {
			v.offset = trak.Edts.Elst[0].Entries[0].MediaTime
		}
		if v.scale > 0 {
			return v, nil
		}
	}
	return nil, ErrNoVideo
}

func (v *video) fragment(frag *mp4.Fragment, dec *codec.VideoDecoder, yield func(Still) error) error {
	samples, err := frag.GetFullSamples(v.trex)
	if err != nil {
		return fmt.Errorf("stills: %w", err)
	}
	for _, s := range samples {
		if !s.IsSync() || !avc.IsIDRSample(s.Data) {
			continue
		}
		unit := append(bytes.Clone(v.headers), avc.ConvertSampleToByteStream(bytes.Clone(s.Data))...)
		if err := decodeOne(dec, unit); err != nil {
			return fmt.Errorf("stills: key frame at %d: %w", s.PresentationTime(), err)
		}
		at := (int64(s.PresentationTime()) - v.offset) * int64(time.Second) / int64(v.scale)
		if err := yield(Still{time.Duration(at), dec.Picture()}); err != nil {
			return err
		}
	}
	return nil
}

// decodeOne decodes a key frame though what follows it is not there.
func decodeOne(dec *codec.VideoDecoder, unit []byte) error {
	if _, err := dec.Decode(unit); err != nil {
		return err
	}
	if _, err := dec.Drain(); err != nil {
		return err
	}
	if dec.Picture() == nil {
		return errors.New("no picture")
	}
	return nil
}
