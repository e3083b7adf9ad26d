package simulate

import (
	"image"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// Film is what a participant would show and say, without a call: for browsers
// whose camera and microphone are files.
type Film struct {
	scene *scene
	sound *sound
}

// NewFilm returns the film of a participant. Of cfg only what is seen and heard
// matters; there is no epoch, times count from the start of the film. The error
// is [ErrConfig].
func NewFilm(cfg Config) (*Film, error) {
	cfg.Video, cfg.Audio = "vp8", "opus" // any; nothing is coded
	cfg.setDefaults()
	if err := cfg.checkMedia(); err != nil {
		return nil, err
	}
	s, err := newScene(cfg)
	if err != nil {
		return nil, err
	}
	return &Film{scene: s, sound: newSound(cfg)}, nil
}

// Picture draws what is seen at a time. It is valid until the next call.
func (f *Film) Picture(at time.Duration) *image.YCbCr {
	return f.scene.draw(timebase.FromDuration(at))
}

// Sound fills pcm with what is heard from a time on: mono, 48000 samples/s.
func (f *Film) Sound(pcm []int16, at time.Duration) {
	f.sound.fill(pcm, timebase.FromDuration(at))
}
