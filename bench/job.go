package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/cpu"
)

// Job is one measurement. It is done by a process of its own, so that its memory
// and its processor time are its alone.
type Job struct {
	Kind     string            `json:"kind"`
	Scenario Scenario          `json:"scenario"`
	Cache    string            `json:"cache"`
	Dir      string            `json:"dir"` // empty, or with what a reference left there
	Options  map[string]string `json:"options,omitempty"`
	Command  []string          `json:"command,omitempty"`  // for further processes
	Endpoint string            `json:"endpoint,omitempty"` // of the call, for those who send
	// Recordings is how many there are at a time.
	Recordings int `json:"recordings,omitempty"`
	// Profile is the file for a CPU profile, if one is wanted.
	Profile string `json:"profile,omitempty"`
}

// The kinds of jobs.
const (
	jobCompose   = "compose"   // the capture through the pipeline, as quickly as can be
	jobReference = "reference" // likewise; keeps the composition, and counts
	jobFloor     = "floor"     // nothing but the codecs
	jobLive      = "live"      // in real time, over WebRTC
	jobSend      = "send"      // the other end of that
	jobEncode    = "encode"    // the composition of a reference, with other settings
	jobPaced     = "paced"     // several at a time, in real time, from the capture
)

// report is what a job comes to.
type report struct {
	Sample  Sample  `json:"sample"`
	Quality Quality `json:"quality"`
	Try     *Try    `json:"try,omitempty"`
	// Encoding is that of an encode.
	Encoding Encoding `json:"encoding,omitzero"`
}

// Work does the job in r and writes what comes of it to w: it is what a process
// does that Runner.Command starts.
func Work(ctx context.Context, r io.Reader, w io.Writer) error {
	var job Job
	if err := json.NewDecoder(r).Decode(&job); err != nil {
		return fmt.Errorf("bench: job: %w", err)
	}
	rep, err := job.do(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(rep)
}

func (j Job) do(ctx context.Context) (report, error) {
	switch j.Kind {
	case jobCompose:
		return j.compose(ctx)
	case jobReference:
		return j.reference(ctx)
	case jobFloor:
		return j.floor(ctx)
	case jobLive:
		return j.live(ctx)
	case jobSend:
		return report{}, j.send(ctx)
	case jobEncode:
		return j.encode(ctx)
	case jobPaced:
		return j.paced(ctx)
	default:
		return report{}, fmt.Errorf("bench: no job %q", j.Kind)
	}
}

// optionQuality is not one of the encoder's options, but stands for several.
const optionQuality = "quality"

// settings are those of the recording. Among the options one may be the quality.
func (j Job) settings() callreel.RecordingConfig {
	v := callreel.VideoSettings{Quality: callreel.Quality(j.Options[optionQuality]), Options: maps.Clone(j.Options)}
	delete(v.Options, optionQuality)
	return callreel.RecordingConfig{Video: v}
}

// spawn lets another process do the job.
func (j Job) spawn(ctx context.Context, command []string) (report, error) {
	var rep report
	in, err := json.Marshal(j)
	if err != nil {
		return rep, err
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var out, said bytes.Buffer
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	if err := cpu.Unhurried(cmd.Start); err != nil { // as the server starts its workers
		return rep, fmt.Errorf("bench: %s of %v: %w", j.Kind, j.Scenario, err)
	}
	if err := cmd.Wait(); err != nil {
		return rep, fmt.Errorf("bench: %s of %v: %w: %s", j.Kind, j.Scenario, err, bytes.TrimSpace(said.Bytes()))
	}
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		return rep, fmt.Errorf("bench: %s of %v: %w", j.Kind, j.Scenario, err)
	}
	return rep, nil
}

// scratch makes a folder for a job's files; what was in it goes.
func scratch(dir string) (string, error) {
	return dir, errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o777))
}
