// Command gotest runs `go test` once for each of its arguments, a list of
// flags and packages, and closes with what all of them came to:
//
//	gotest "./..." "-race ./..."
//
// It prints each package as it ends, the output of what failed, each skipped
// test with its reason, and as its last line the counts. It exits with 1 if
// anything failed, or if nothing ran.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	out := newSummary(os.Stdout)
	err := runAll(os.Args[1:], out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	if good := out.close(); err != nil || !good {
		os.Exit(1)
	}
}

// runAll runs every pass, also after one that failed.
func runAll(passes []string, out *summary) error {
	var errs []error
	for _, pass := range passes {
		errs = append(errs, run(strings.Fields(pass), out))
	}
	return errors.Join(errs...)
}

// run is one pass. Results are never taken from the cache, because the cache
// does not know which programs the tests found on the machine; vet is one of the
// linters; and what only debuggers read would take half of the time to link. The
// error is what the events do not tell.
func run(args []string, out *summary) error {
	cmd := exec.Command(cmp.Or(os.Getenv("GO"), "go"), append([]string{"test", "-json", "-count=1", "-vet=off", "-ldflags=-w"}, args...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	out.title(args)
	before := len(out.failed)
	if err := cmd.Start(); err != nil {
		return err
	}
	err = read(stdout, out)
	end := cmd.Wait()
	if cmd.ProcessState.Exited() && len(out.failed) > before {
		return err
	}
	return errors.Join(err, end)
}

// read hands every event of `go test -json` to out. It reads to the end, also
// past what it cannot read, so that go test can end.
func read(r io.Reader, out *summary) error {
	d := json.NewDecoder(r)
	for {
		var e event
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, r)
			return fmt.Errorf("reading the events of go test: %w", err)
		}
		out.add(e)
	}
}
