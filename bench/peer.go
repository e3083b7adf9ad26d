package bench

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

//go:embed peers
var peers embed.FS

// ErrMissing says that something is not installed that a peer needs.
var ErrMissing = errors.New("bench: the peer needs something that is not installed")

// Exit statuses of peers.
const (
	exitCannot  = 3
	exitMissing = 77
)

// peer is another recorder: a script with the contract in README.md.
type peer struct {
	script  string
	inputs  string // folder
	call    call
	bitRate int64
	variant string
	width   int
	height  int
	rate    int
}

// openPeer finds the script of a subject, NAME:VARIANT, which may be one of those
// that are built in; that is unpacked into dir.
func openPeer(subject, dir string) (script, variant string, err error) {
	name, variant, _ := strings.Cut(subject, ":")
	if strings.Contains(name, "/") {
		script, err = filepath.Abs(name)
		return script, variant, err
	}
	data, err := peers.ReadFile(path.Join("peers", name))
	if err != nil {
		return "", "", fmt.Errorf("bench: no subject %q", subject)
	}
	script = filepath.Join(dir, name)
	return script, variant, os.WriteFile(script, data, 0o777)
}

func (p peer) env(output, composition string) []string {
	return append(os.Environ(),
		"BENCH_INPUTS="+p.inputs, "BENCH_OUTPUT="+output, "BENCH_COMPOSITION="+composition,
		fmt.Sprintf("BENCH_WIDTH=%d", p.width), fmt.Sprintf("BENCH_HEIGHT=%d", p.height), fmt.Sprintf("BENCH_FPS=%d", p.rate),
		fmt.Sprintf("BENCH_SECONDS=%d", p.call.scenario.Seconds),
		fmt.Sprintf("BENCH_BITRATE=%d", p.bitRate), fmt.Sprintf("BENCH_AUDIO_BITRATE=%d", aacRate), "BENCH_VARIANT="+p.variant,
	)
}

// record lets the peer record the call into output and measures it.
func (p peer) record(ctx context.Context, output string) (Sample, error) {
	began := time.Now()
	used, err := p.run(ctx, p.env(output, ""))
	if err != nil {
		return Sample{}, err
	}
	seconds := float64(p.call.scenario.Seconds)
	wall := time.Since(began)
	if used.span > 0 {
		wall = used.span
	}
	return Sample{Seconds: seconds, Cores: used.cpu.Seconds() / seconds, Wall: wall.Seconds() / seconds, PeakRSS: used.memory}, nil
}

// quality measures the file against the composition, if the peer can give it.
func (p peer) quality(ctx context.Context, output string) (q Quality, err error) {
	info, err := os.Stat(output)
	if err != nil {
		return q, err
	}
	q.Bytes = info.Size()
	q.BitRate = float64(q.Bytes) * 8 / float64(p.call.scenario.Seconds)
	composition := output + ".yuv"
	defer func() {
		if rerr := os.Remove(composition); err == nil && !errors.Is(rerr, os.ErrNotExist) {
			err = rerr
		}
	}()
	_, err = p.run(ctx, p.env(output, composition))
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitCannot {
		return q, nil
	}
	if err == nil {
		q.SSIM, err = similarity(ctx, output, composition, p.width, p.height)
	}
	return q, err
}

// run runs the script.
func (p peer) run(ctx context.Context, env []string) (usage, error) {
	cmd := exec.CommandContext(ctx, p.script)
	cmd.Env = env
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it can end what it started
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return usage{}, err
	}
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	watch := watchTree(cmd.Process.Pid)
	marks(out, watch)
	err = cmd.Wait()
	used := watch.end(cmd.ProcessState)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitMissing {
		return used, ErrMissing
	}
	if err != nil {
		return used, fmt.Errorf("%s: %w: %s", filepath.Base(p.script), err, lastLines(said.Bytes()))
	}
	return used, nil
}

// marks follows what the script says until it closes its output.
func marks(out io.Reader, w *treeWatch) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch lines.Text() {
		case "begin":
			w.mark(true)
		case "end":
			w.mark(false)
		}
	}
}

func lastLines(said []byte) []byte {
	const most = 600
	return bytes.TrimSpace(said[max(0, len(said)-most):])
}
