package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage"
)

// composeCmd makes an MP4 of a captured call.
type composeCmd struct {
	Capture  string      `arg:"" help:"Capture of a recording, as callreel serve --capture keeps it." type:"existingfile"`
	Output   string      `short:"o" required:"" help:"MP4 file to make. Further chunks get -1, -2 ... before the extension." placeholder:"FILE" type:"path"`
	Metadata string      `help:"Metadata file to make, in the form of ACS; further ones as those of the chunks." placeholder:"FILE" type:"path"`
	Report   string      `help:"Quality report to make." placeholder:"FILE" type:"path"`
	Again    recomposing `embed:"" group:"Otherwise than it was recorded"`
}

// recomposing are settings that replace those of the recording.
type recomposing struct {
	Size          canvasSize        `help:"Size of the picture."`
	FrameRate     int               `help:"Frames per second." placeholder:"N"`
	AudioBitRate  int               `help:"Bit rate of the sound in bit/s." placeholder:"N"`
	Quality       callreel.Quality  `help:"What pictures may cost: ${enum}. Not taken from the capture." enum:"economy,balanced,fine" default:"balanced"`
	Encoder       string            `help:"H.264 encoder, as libavcodec names it. Not taken from the capture." default:"libx264"`
	EncoderOption map[string]string `help:"Options of the encoder, such as preset=veryfast;crf=22. Not taken from the capture." placeholder:"NAME=VALUE"`
	Delay         time.Duration     `help:"How late packets may be to be in the file." placeholder:"DURATION"`
	ChunkDuration time.Duration     `help:"Begin a new file when the open one is that long." placeholder:"DURATION"`
	ChunkSize     byteSize          `help:"Begin a new file when the open one is that large." placeholder:"SIZE"`
	EmptyText     string            `help:"Text to show while nobody is in the call." placeholder:"TEXT"`
	Font          []string          `help:"Files (TTF, OTF, TTC) with glyphs for names that are not Latin, Greek or Cyrillic." type:"existingfile" placeholder:"FILE"`
}

func (f recomposing) config() callreel.RecordingConfig {
	return callreel.RecordingConfig{
		Width: f.Size.width, Height: f.Size.height,
		FrameRate:     f.FrameRate,
		AudioBitRate:  f.AudioBitRate,
		Video:         callreel.VideoSettings{Encoder: f.Encoder, Quality: f.Quality, Options: f.EncoderOption},
		Delay:         f.Delay,
		ChunkDuration: f.ChunkDuration, ChunkBytes: int64(f.ChunkSize),
		EmptyText: f.EmptyText,
	}
}

// Help is shown by callreel compose --help.
func (composeCmd) Help() string {
	return `What comes out is what the recording would have been, whatever went wrong with it at the time: everything from the packets on is done again, as fast as it can be. The same capture and flags give the same bytes every time, with the same libraries on the same kind of processor.`
}

// Run composes.
func (c *composeCmd) Run(ctx context.Context, con console) (err error) {
	f, err := os.Open(c.Capture)
	if err != nil {
		return fault.Caller.Wrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	src, err := replay.Open(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Capture, err)
	}
	// Beside the output, so that what is finished only has to be renamed.
	dir, err := os.MkdirTemp(filepath.Dir(c.Output), ".callreel-compose-*")
	if err != nil {
		return fault.Caller.Wrap(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var cpu cpuMeter
	cpu.start()
	began := time.Now()
	res, err := callreel.Compose(ctx, callreel.Config{
		Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool"),
		Fonts:  c.Again.Font,
		Logger: slog.New(slog.NewTextHandler(con.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, c.Again.config(), &progress{Source: src, w: con.err, began: began})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Capture, err)
	}
	cpu.stop()
	if err := c.move(filepath.Join(dir, "store"), res); err != nil {
		return err
	}
	warn(con.err, src.Condition())
	c.sumUp(con.out, res, time.Since(began), cpu.used())
	return nil
}

// move puts the files in their places.
func (c *composeCmd) move(store string, res callreel.Result) error {
	file := func(key string) string { return filepath.Join(store, filepath.FromSlash(key)) }
	for _, chunk := range res.Chunks {
		err := os.Rename(file(chunk.MediaKey), numbered(c.Output, chunk.Index))
		if err == nil && c.Metadata != "" {
			err = copyFile(file(chunk.MetadataKey), numbered(c.Metadata, chunk.Index))
		}
		if err != nil {
			return fault.Caller.Wrap(err)
		}
	}
	if c.Report != "" {
		return fault.Caller.Wrap(copyFile(file(callreel.ReportKey(res.ID)), c.Report))
	}
	return nil
}

// numbered puts an index other than zero before a file's extension.
func numbered(name string, index int) string {
	if index == 0 {
		return name
	}
	ext := filepath.Ext(name)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), index, ext)
}

// warn says what the capture lacks.
func warn(w io.Writer, c replay.Condition) {
	if c.Cut {
		_, _ = fmt.Fprintln(w, "callreel: the capture was cut off: the file has what is in it")
	}
	if c.Lost > 0 {
		_, _ = fmt.Fprintf(w, "callreel: %d packets are missing in the capture\n", c.Lost)
	}
	if c.Damaged > 0 {
		_, _ = fmt.Fprintf(w, "callreel: %d packets in the capture are damaged, or of no track\n", c.Damaged)
	}
}

func (c *composeCmd) sumUp(w io.Writer, res callreel.Result, took, cpu time.Duration) {
	for _, chunk := range res.Chunks {
		_, _ = fmt.Fprintf(w, "%s  %.3f s, %d bytes\n", numbered(c.Output, chunk.Index), chunk.Duration.Seconds(), chunk.Bytes)
	}
	length := res.Duration.Seconds()
	_, _ = fmt.Fprintf(w, "composed %.3f s in %.1f s (%.1fx real time), %.3f s CPU per recorded second; quality: %s\n",
		length, took.Seconds(), length/took.Seconds(), cpu.Seconds()/max(length, 0.001), res.Verdict)
}

// progress is a source that says now and then how far it is.
type progress struct {
	*replay.Source
	w           io.Writer
	began, told time.Time
}

const progressEvery = 2 * time.Second

// Next returns the next step.
func (p *progress) Next() (ingest.Step, error) {
	step, err := p.Source.Next()
	now := time.Now()
	if p.told.IsZero() {
		p.told = now
	}
	if err == nil && now.Sub(p.told) >= progressEvery {
		p.told = now
		done := step.Time.Sub(p.Recorded().Start)
		_, _ = fmt.Fprintf(p.w, "%8.1f s of the call, %.1fx real time\n", done.Seconds(), done.Seconds()/now.Sub(p.began).Seconds())
	}
	return step, err
}
