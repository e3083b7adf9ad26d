// Package probe lets the benchmarks look into a recording while it is made:
// which stage uses the processor, and what the encoder is given. A recording
// that nobody looks into has a nil Probe, which costs a comparison per stage.
//
// The probe comes with the context of Compose or Start, so that the library's
// settings need not mention it.
package probe

import (
	"context"
	"image"
	"runtime/pprof"
	"time"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/cpu"
)

// Stage is a part of the work of a recording.
type Stage uint8

// The stages.
const (
	Other       Stage = iota // the roster, the layout, counting, reports
	Replay                   // reading a capture: not the recorder's work
	Receive                  // packets: reorder, repair, depacketise, date
	DecodeAudio              // with concealment and resampling
	DecodeVideo
	Compose // scaling and drawing
	Mix
	EncodeVideo
	EncodeAudio
	Mux    // fragments, and writing them
	Stages = iota
)

// String is the stage's name in results and profiles.
func (s Stage) String() string {
	return [Stages]string{
		"other", "replay", "receive", "audio decode", "video decode", "scale", "mix", "encode", "audio encode", "mux",
	}[s]
}

// Probe is for one recording. Its methods may be called on a nil one, and do
// nothing then; they belong to the goroutine that makes the recording.
type Probe struct {
	// Encoder is told the settings that the video encoder was opened with. It
	// and Picture may be nil.
	Encoder func(codec.VideoEncoderConfig)
	// Picture is lent each composed frame before it is encoded. The time that it
	// takes is not counted.
	Picture func(frame int64, canvas *image.YCbCr)
	// Label sets the label "stage" in CPU profiles (package runtime/pprof).
	Label bool

	stage  Stage
	counts bool          // between Resume and Pause
	since  time.Duration // CPU time of the thread
	spent  [Stages]time.Duration
	labels [Stages]context.Context
}

type key struct{}

// With returns a context that carries p to a recording.
func With(ctx context.Context, p *Probe) context.Context { return context.WithValue(ctx, key{}, p) }

// From returns the probe in ctx, or nil.
func From(ctx context.Context) *Probe {
	p, _ := ctx.Value(key{}).(*Probe)
	return p
}

// Resume begins to count: from now on the goroutine is locked to its thread.
func (p *Probe) Resume() {
	if p != nil {
		p.counts, p.since = true, cpu.Thread()
	}
}

// Pause ends what Resume began. What is done until the next Resume may be done
// on several threads, and is not counted.
func (p *Probe) Pause() {
	if p != nil {
		p.Enter(p.stage)
		p.counts = false
	}
}

// Enter counts what the thread has used since the last call for the stage that
// it was in, and from now on for s. It returns that stage.
func (p *Probe) Enter(s Stage) (was Stage) {
	if p == nil {
		return Other
	}
	if p.counts {
		now := cpu.Thread()
		p.spent[p.stage] += now - p.since
		p.since = now
	}
	was, p.stage = p.stage, s
	if p.Label {
		p.label(s)
	}
	return was
}

func (p *Probe) label(s Stage) {
	if p.labels[s] == nil {
		p.labels[s] = pprof.WithLabels(context.Background(), pprof.Labels("stage", s.String()))
	}
	pprof.SetGoroutineLabels(p.labels[s])
}

// Encoding tells how the encoder was opened.
func (p *Probe) Encoding(cfg codec.VideoEncoderConfig) {
	if p != nil && p.Encoder != nil {
		p.Encoder(cfg)
	}
}

// Composed lends a frame.
func (p *Probe) Composed(frame int64, canvas *image.YCbCr) {
	if p == nil || p.Picture == nil {
		return
	}
	was := p.Enter(Replay)
	p.Picture(frame, canvas)
	p.Enter(was)
}

// Spent returns the time of each stage up to the last Enter or Pause.
func (p *Probe) Spent() map[Stage]time.Duration {
	spent := make(map[Stage]time.Duration)
	for s, d := range p.spent {
		spent[Stage(s)] = d
	}
	return spent
}
