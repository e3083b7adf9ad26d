package worker

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test program be the processes that tests start.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		var err error
		switch os.Args[1] {
		case "worker":
			signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
			err = Main(os.Stdin, os.Stderr, "test")
		case "probe":
			err = runProbe(os.Stdin, os.Stdout)
		default:
			goleak.VerifyTestMain(m)
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
