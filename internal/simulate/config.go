package simulate

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"net/http"
	"net/url"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// The defaults of a Config.
const (
	DefaultWidth  = 640
	DefaultHeight = 360
	DefaultFPS    = 30
)

// ErrConfig says that a Config can't be used.
var ErrConfig = errors.New("simulate: unusable configuration")

const (
	maxIndex = 1<<16 - 1
	maxSide  = 4096
	maxFPS   = 60
)

// Config describes one participant. Endpoint and one of Video and Audio are
// needed; the zero value of the rest is useful.
type Config struct {
	// Endpoint is the WHIP URL of the conversation, such as
	// http://127.0.0.1:8080/whip/room-1.
	Endpoint string
	// Token is the bearer token. Without one the query of the URL says who
	// joins: participant, name and role.
	Token string
	// HTTPClient does the signalling. Nil means [http.DefaultClient].
	HTTPClient *http.Client

	// Index tells participants apart, 0 to 65535. It is in the strip, and what
	// is not set below is derived from it.
	Index int
	// ID and Name of the participant. Empty means ones made of Index.
	ID, Name string
	// Role is what the tracks show.
	Role ingest.Role
	// Color is that of the background. Nil means one made of Index.
	Color color.Color
	// Tone is the frequency of the beep in Hz, 100 to 8000. It should divide by
	// 10. Zero means [ToneOf] the Index.
	Tone int
	// Speech fills the time between the beeps with something like speech.
	// Otherwise it is silent.
	Speech bool

	// Video is the codec: vp8, vp9, h264 or av1. Empty means no video.
	Video string
	// Audio is the codec: opus, pcmu, pcma (G.711) or g722. Empty means no sound.
	Audio string
	// DTX leaves out packets during silence (RFC 6716, section 2.1.9). Opus only.
	DTX bool
	// Width and Height are those of the pictures in pixels: even, and with room
	// for a 16:9 picture of at least 256x144, where all that matters is shown.
	// Zero means DefaultWidth and DefaultHeight.
	Width, Height int
	// FPS is the frame rate in frames/s, a divisor of 48000 up to 60. Zero means
	// DefaultFPS.
	FPS int
	// BitRate is that of the video in bit/s. Zero means one that suits the size.
	BitRate int64
	// Simulcast sends three layers with the RIDs q, h and f (RFC 8853) of a
	// quarter, half and all of the width and height. VP8 and H.264 only.
	Simulcast bool
	// MuteMode is what [Participant.Mute] does.
	MuteMode MuteMode

	// Epoch is the time base: flashes and beeps happen at whole seconds since
	// then. It must be less than 49 days ago. Zero means the last midnight in
	// UTC, so that several processes agree.
	Epoch time.Time
}

// MuteMode is what is sent of a muted track.
type MuteMode uint8

// The ways of muting.
const (
	MuteSilence MuteMode = iota // silence and black frames, as track.enabled = false in a browser
	MuteStop                    // nothing, as replaceTrack(null) in a browser
)

// maxEpochAge keeps the 32 bits of milliseconds in the strip from wrapping.
const maxEpochAge = 49 * 24 * time.Hour

func (c *Config) setDefaults() {
	if c.ID == "" {
		c.ID = fmt.Sprintf("simulated-%d", c.Index)
	}
	if c.Name == "" {
		c.Name = nameOf(c.Index)
	}
	if c.Color == nil {
		c.Color = colorOf(c.Index)
	}
	if c.Tone == 0 {
		c.Tone = ToneOf(c.Index)
	}
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = DefaultWidth, DefaultHeight
	}
	if c.FPS == 0 {
		c.FPS = DefaultFPS
	}
	c.setEpoch()
	if c.HTTPClient == nil {
		c.HTTPClient = http.DefaultClient
	}
}

func (c *Config) setEpoch() {
	if c.Epoch.IsZero() {
		c.Epoch = time.Now().UTC().Truncate(24 * time.Hour)
	}
}

func (c *Config) check() error {
	if u, err := url.Parse(c.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%w: endpoint %q is not an HTTP URL", ErrConfig, c.Endpoint)
	}
	if c.Index < 0 || c.Index > maxIndex {
		return fmt.Errorf("%w: index %d", ErrConfig, c.Index)
	}
	if err := (ingest.Participant{ID: c.ID, Name: c.Name}).Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.Role > ingest.Screen || c.MuteMode > MuteStop {
		return fmt.Errorf("%w: role %d, mute mode %d", ErrConfig, c.Role, c.MuteMode)
	}
	if age := time.Since(c.Epoch); age < 0 || age > maxEpochAge {
		return fmt.Errorf("%w: the epoch %v is not within the last 49 days", ErrConfig, c.Epoch)
	}
	return c.checkMedia()
}

func (c *Config) checkMedia() error {
	if c.Video == "" && c.Audio == "" {
		return fmt.Errorf("%w: neither video nor audio", ErrConfig)
	}
	if c.Audio != "" {
		codec, err := audioCodecByName(c.Audio)
		if err != nil {
			return err
		}
		if c.DTX && !codec.dtx {
			return fmt.Errorf("%w: no DTX with %s", ErrConfig, c.Audio)
		}
		if c.Tone < 100 || c.Tone > 8000 {
			return fmt.Errorf("%w: tone of %d Hz", ErrConfig, c.Tone)
		}
	}
	if c.Video == "" {
		return nil
	}
	codec, err := videoCodecByName(c.Video)
	switch size := image.Pt(c.Width, c.Height); {
	case err != nil:
		return err
	case c.Simulcast && !codec.simulcast:
		return fmt.Errorf("%w: no simulcast with %s", ErrConfig, c.Video)
	case size.X > maxSide || size.Y > maxSide || size.X%2 != 0 || size.Y%2 != 0 || stageOf(image.Rectangle{Max: size}).Dx() < minStage:
		return fmt.Errorf("%w: pictures of %v", ErrConfig, size)
	case c.FPS < 1 || c.FPS > maxFPS || timebase.Second%c.FPS != 0:
		return fmt.Errorf("%w: %d frames/s", ErrConfig, c.FPS)
	case c.BitRate < 0:
		return fmt.Errorf("%w: %d bit/s", ErrConfig, c.BitRate)
	}
	return nil
}
