package callreel

import (
	"image"
	"maps"
	"strings"
)

// Quality is a choice between what pictures cost and how good they are. What each
// one comes to is in docs/encoding.md.
type Quality string

// The qualities, the cheapest first.
const (
	// Economy is for calls of faces of which many are recorded at a time: 1 to
	// 1.5 Mbit/s at 1080p. Of cameras with temporal layers it shows the lowest if
	// that nearly reaches the frame rate.
	Economy Quality = "economy"
	// Balanced, the default, is close to x264's veryfast for half of its time. Of
	// cameras in small tiles, such as those of 7 people and more, it shows what
	// Economy does of all.
	Balanced Quality = "balanced"
	// Fine is for small text and for recordings that are edited: larger and dearer.
	Fine Quality = "fine"
)

// libx264 is the encoder that all builds have, and the only one whose options are
// known.
const libx264 = "libx264"

// qualitySettings are what a quality means.
type qualitySettings struct {
	x264 string // options of libx264
	rate string // bit/s of other encoders, which have no common scale of quality
	// thin is the part of the frame rate that a camera's temporal layers must reach,
	// and thinSmall that of one which has less than an eighth of the picture.
	thin, thinSmall float64
}

// settings returns them; ok is false for a quality that there is not. All of
// libx264's begin with what is the same for all: no scene cuts, as key frames
// cost bits and whoever begins to share a screen changes the picture by parts
// only, a ceiling on the rate, and more bits than usual for what stands for long,
// of which a call mostly consists (qcomp, i_qfactor, narrower dead zones).
func (q Quality) settings() (s qualitySettings, ok bool) {
	const common = "profile=high;maxrate=4000000;bufsize=8000000;forced-idr=1;sc_threshold=0;b_strategy=0;weightp=0;aq-mode=2;" +
		"qcomp=0.1;i_qfactor=0.5;x264-params=deadzone-inter=18:deadzone-intra=9;"
	switch q {
	case Economy:
		return qualitySettings{common + economyOptions, "1200000", 0.82, 0.82}, true
	case Balanced:
		return qualitySettings{common + balancedOptions, "2000000", 1, 0.82}, true
	case Fine:
		return qualitySettings{common + fineOptions, "3000000", 1, 1}, true
	}
	return s, false
}

// How far the encoder looks ahead costs memory (6 MiB a frame at 1080p) and what
// a crash takes, so it is short; the macroblock tree pays even so. There are
// no B-frames: they are coded after what is shown behind them, so a file that a
// crash cuts off between the two lacks a picture.
const (
	economyOptions  = "preset=superfast;mbtree=1;rc-lookahead=2;bf=0;subq=0;chromaoffset=1;crf=30.2"
	balancedOptions = "preset=superfast;mbtree=1;rc-lookahead=3;bf=0;subq=1;chromaoffset=1;crf=26.8"
	fineOptions     = "preset=veryfast;rc-lookahead=6;bf=0;crf=25.7"
)

func (q Quality) valid() bool {
	_, ok := q.settings()
	return ok
}

// enough is how many pictures/s of a camera will do, for a frame rate, in a tile
// of a picture. The lowest of Chromium's three temporal layers has 7.5 of 8.
func (q Quality) enough(rate int, tile, picture image.Point) float64 {
	s, _ := q.settings()
	if 8*tile.X*tile.Y < picture.X*picture.Y {
		return s.thinSmall * float64(rate)
	}
	return s.thin * float64(rate)
}

// EncoderOptions returns the options with which the encoder is opened: those of the
// quality, which must be one, and over them Options.
func (v VideoSettings) EncoderOptions() map[string]string {
	s, _ := v.Quality.settings()
	options := map[string]string{"b": s.rate}
	if v.Encoder == libx264 {
		options = make(map[string]string)
		for o := range strings.SplitSeq(s.x264, ";") {
			name, value, _ := strings.Cut(o, "=")
			options[name] = value
		}
	}
	maps.Copy(options, v.Options)
	return options
}
