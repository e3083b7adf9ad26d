package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var shots = flag.String("shots", "", "folder to leave pictures of the recordings in")

// program is the path of the command, built once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "callreel-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "callreel")
	if out, err := exec.Command("go", "build", "-ldflags=-w", "-o", program, "../cmd/callreel").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	go watch()
	return m.Run()
}

// watch tells when this process stood still, since what its simulated participants
// should have sent then comes too late, and is missing in what is recorded.
func watch() {
	const interval, long = 20 * time.Millisecond, 300 * time.Millisecond
	last := time.Now()
	for range time.Tick(interval) {
		now := time.Now()
		if stood := now.Sub(last); stood > long {
			fmt.Fprintf(os.Stderr, "%s: the process of the tests stood still for %v\n", now.UTC().Format(time.RFC3339Nano), stood)
		}
		last = now
	}
}
