package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/inspect"
	"github.com/callreel/callreel/internal/stills"
)

// demoStill is the size of a picture of the contact sheet.
var demoStill = image.Pt(640, 360)

// collect downloads what came of the recording, and sums it up.
func (d *demo) collect(ctx context.Context, output string, more []string) error {
	r, err := d.api.Recording(ctx, d.recording)
	if err != nil {
		return err
	}
	if !r.Ended() || len(r.Chunks) != 1 {
		return fmt.Errorf("the recording is %s with %d chunks", r.State, len(r.Chunks))
	}
	document := r.Chunks[0].DocumentID
	media, metadata, sheet := output+".mp4", output+".json", output+".png"
	err = errors.Join(
		save(media, func(w io.Writer) (int64, error) { return d.api.DownloadRecording(ctx, document, w) }),
		save(metadata, func(w io.Writer) (int64, error) { return d.api.DownloadMetadata(ctx, document, w) }),
	)
	if err != nil {
		return err
	}
	if err := save(sheet, func(w io.Writer) (int64, error) { return 0, drawSheet(media, w) }); err != nil {
		return err
	}
	report, err := inspectFile(media)
	if err != nil {
		return err
	}
	d.sumUp(r, report, append([]string{media, metadata, sheet}, more...))
	if report.Broken() {
		return fmt.Errorf("%s is broken: see callreel inspect", media)
	}
	return nil
}

func drawSheet(media string, w io.Writer) error {
	f, err := os.Open(media)
	if err != nil {
		return err
	}
	img, err := stills.Sheet(f, demoStill)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return png.Encode(w, img)
}

// sumUp prints the summary.
func (d *demo) sumUp(r client.Recording, report inspect.Report, files []string) {
	seconds := float64(r.DurationMs) / 1000
	rows := [][2]string{{"duration", fmt.Sprintf("%.3f s", seconds)}, {"quality", r.Verdict}}
	for _, p := range r.Pauses {
		at := p.StartTime.Sub(r.StartTime).Seconds()
		rows = append(rows, [2]string{"pause", fmt.Sprintf("%.3f s left out at %.3f s", float64(p.DurationMs)/1000, at)})
	}
	var names []string
	for _, p := range r.Participants {
		names = append(names, p.Name)
	}
	rows = append(rows, [2]string{"participants", strings.Join(names, ", ")})
	for _, t := range report.Tracks {
		rows = append(rows, [2]string{t.Kind, describe(t)})
	}
	rows = append(rows,
		[2]string{"CPU", fmt.Sprintf("%.2f s per recorded second, for receiving, decoding, composing and encoding", d.cpu.used().Seconds()/seconds)},
		[2]string{"files", strings.Join(files, "\n\t")})
	_, _ = fmt.Fprintln(d.out)
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	_ = w.Flush()
}

// keepCapture copies the capture from the server's data, which will be deleted.
func (d *demo) keepCapture(data, name string) error {
	return copyFile(filepath.Join(data, recordingsDir, filepath.FromSlash(callreel.CaptureKey(d.recording))), name)
}

func describe(t inspect.Track) string {
	if t.Kind == "video" {
		return fmt.Sprintf("%s (H.264 %s, level %s), %dx%d, %s frames/s, %d frames, %d key frames, %d kbit/s",
			t.Codec, t.Profile, t.Level, t.Width, t.Height, t.FrameRate, t.Samples, t.KeyFrames, t.BitRate/1000)
	}
	return fmt.Sprintf("%s (AAC-LC), %d Hz, %d channel, %d kbit/s", t.Codec, t.SampleRate, t.Channels, t.BitRate/1000)
}
