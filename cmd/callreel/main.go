// Command callreel records WebRTC calls: it serves the HTTP API and takes in
// calls, simulates participants, and looks after recordings. It is a thin layer
// over the packages of this module; see callreel --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
