package callreel

import (
	"log/slog"
	"time"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/storage"
)

// mixRate is the rate of the mixed sound in Hz.
const mixRate = 16000

// Config configures an Engine. Only Storage must be set.
type Config struct {
	// Storage takes the finished files.
	Storage storage.Store
	// Spool is the local directory in which recordings grow until they are in
	// Storage. Empty means "callreel-spool" in the directory for temporary files;
	// a directory on the file system of Storage makes delivery instant.
	Spool string
	// SpoolReserve is how many bytes must be free in the spool for a recording to
	// begin, so that those that run go on. Zero means 1 GiB; negative means none.
	SpoolReserve int64
	// MaxRecordings bounds the recordings that run at the same time. Zero means
	// no bound.
	MaxRecordings int
	// Limits bound what one participant may cost. The zero value is a good one.
	Limits Limits
	// ResourceID names this installation in the metadata. Optional.
	ResourceID string
	// Fonts are files (TTF, OTF, TTC) with glyphs for names that the built-in
	// Latin, Greek and Cyrillic font does not have.
	Fonts []string
	// Logger receives what an operator should know. Nil means none.
	Logger *slog.Logger
	// OnEvent is told what happens. It is called from several goroutines, must
	// not block and must not call back into the engine, its conversations and
	// recordings. Nil means nobody is told.
	OnEvent func(Event)
}

// RecordingConfig says what to record and how. Only Conversation must be set.
type RecordingConfig struct {
	// Conversation is the call's id: opaque, 1 to 1024 bytes.
	Conversation string
	// ID names the recording: letters, digits, "-" and "_", at most 64. Empty
	// means a new random one.
	ID string
	// PauseOnStart starts in the paused state.
	PauseOnStart bool
	// Width and Height of the canvas in pixels, even. Zero means 1920x1080.
	Width, Height int
	// FrameRate in frames/s, a divisor of 48000 up to 60. Zero means 8.
	FrameRate int
	// Delay is how far behind the call the recording is composed, so that late
	// and retransmitted packets are in time: 200 ms to 5 s. Zero means 1 s.
	Delay time.Duration
	// Video are the settings of the H.264 encoder.
	Video VideoSettings
	// AudioBitRate in bit/s. Zero means 48000.
	AudioBitRate int
	// ChunkDuration and ChunkBytes begin a new file when the open one is that
	// long or large. Zero means 4 h and 2 GiB.
	ChunkDuration time.Duration
	ChunkBytes    int64
	// FragmentDuration is how much is written at once, 200 ms to 10 s: when the
	// process is killed what is not written yet is lost. Zero means 1 s.
	FragmentDuration time.Duration
	// SyncInterval is how long what was written may stay in the system's memory,
	// where a power loss takes it. Zero means that each fragment is synced to the
	// disk; negative that a file is once it is finished.
	SyncInterval time.Duration
	// EmptyTimeout ends the recording when nobody has been in the call for that
	// long. Zero means a minute; negative means never.
	EmptyTimeout time.Duration
	// RejoinGrace is how long the tile of somebody who left is kept, with the
	// last picture darkened, in case they come back: at most a minute. Zero
	// means 3 s; negative means not at all.
	RejoinGrace time.Duration
	// Capture keeps what arrives, in clear, as a file beside the recording, for
	// Compose and for Wireshark: up to 4 GiB, and nothing of a pause.
	Capture bool
	// EmptyText is shown while nobody is in the call.
	EmptyText string
}

// VideoSettings are the settings of the H.264 encoder.
type VideoSettings struct {
	// Encoder is libavcodec's name of it. Empty means libx264. One that libavcodec
	// has and that can't be opened, as its hardware is missing or busy, gives way to
	// libx264, with a warning.
	Encoder string
	// Quality is what pictures may cost. Empty means Balanced.
	Quality Quality
	// Options are the encoder's own, as libavcodec names them, over those of the
	// quality.
	Options map[string]string
}

func (c *Config) check() error {
	if c.Storage == nil {
		return invalid("Config.Storage is not set")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&c.SpoolReserve, 1<<30)
	if err := c.Limits.check(); err != nil {
		return err
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	return nil
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Check reports what is wrong with a configuration, as Start would. A
// conversation may be missing. The error is [ErrInvalid].
func (c RecordingConfig) Check() error {
	orDefault(&c.Conversation, "any")
	c.setDefaults()
	return c.check()
}

func (c *RecordingConfig) setDefaults() {
	orDefault(&c.ID, newID())
	orDefault(&c.Width, 1920)
	orDefault(&c.Height, 1080)
	orDefault(&c.FrameRate, 8)
	orDefault(&c.Delay, time.Second)
	orDefault(&c.AudioBitRate, 48000)
	orDefault(&c.ChunkDuration, 4*time.Hour)
	orDefault(&c.ChunkBytes, 2<<30)
	orDefault(&c.FragmentDuration, time.Second)
	orDefault(&c.EmptyTimeout, time.Minute)
	orDefault(&c.RejoinGrace, 3*time.Second)
	orDefault(&c.Video.Encoder, libx264)
	orDefault(&c.Video.Quality, Balanced)
}

func (c *RecordingConfig) check() error {
	switch {
	case c.Conversation == "" || len(c.Conversation) > 1024:
		return invalid("conversation id of %d bytes", len(c.Conversation))
	case !validID(c.ID):
		return invalid("recording id %q", c.ID)
	case c.Width < 64 || c.Height < 64 || c.Width > 4096 || c.Height > 4096 || (c.Width|c.Height)&1 != 0:
		return invalid("canvas of %dx%d", c.Width, c.Height)
	case c.FrameRate < 1 || c.FrameRate > 60 || timebase.Second%c.FrameRate != 0:
		return invalid("%d frames/s", c.FrameRate)
	case c.Delay < 200*time.Millisecond || c.Delay > 5*time.Second:
		return invalid("composing delay of %v", c.Delay)
	case c.AudioBitRate < 16000 || c.AudioBitRate > 96000:
		return invalid("audio at %d bit/s", c.AudioBitRate)
	case c.FragmentDuration < 200*time.Millisecond || c.FragmentDuration > 10*time.Second:
		return invalid("fragments of %v", c.FragmentDuration)
	case c.RejoinGrace > time.Minute:
		return invalid("rejoin grace of %v", c.RejoinGrace)
	case !c.Video.Quality.valid():
		return invalid("quality %q", c.Video.Quality)
	case c.ChunkDuration < 10*time.Second || c.ChunkBytes < 1<<20:
		return invalid("chunks of %v or %d bytes", c.ChunkDuration, c.ChunkBytes)
	}
	return nil
}

func (c *RecordingConfig) frameLen() timebase.Ticks {
	return timebase.Second / timebase.Ticks(c.FrameRate)
}
