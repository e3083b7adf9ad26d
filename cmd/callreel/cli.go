package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/fault"
)

const description = `Records WebRTC calls into one MP4: everybody in a tile grid, all voices mixed.

Start with "callreel serve". Every flag can be given as an environment variable too; its name stands beside it.

Exit status: 0 done; 1 it failed, or a file is broken; 2 wrong usage or an impossible request; 3 the source of media failed; 4 the storage or another receiver failed.`

// commands is everything that callreel can be told to do.
type commands struct {
	Serve         serveCmd         `cmd:"" help:"Record calls: serve the HTTP API, WHIP and the page to join with."`
	Demo          demoCmd          `cmd:"" help:"Record a call of simulated participants, to see what comes out."`
	Cert          certCmd          `cmd:"" help:"Make a certificate for the server, and the private authority that clients are to trust."`
	Keys          keysCmd          `cmd:"" help:"Show or rotate the access keys of a server on this machine."`
	Token         tokenCmd         `cmd:"" help:"Make a token with which to publish into a call, or to control and fetch recordings."`
	Recordings    recordingsCmd    `cmd:"" help:"List, start, pause, resume, stop, download and delete recordings of a running server."`
	Subscriptions subscriptionsCmd `cmd:"" help:"Look after who a running server tells of events."`
	Events        eventsCmd        `cmd:"" help:"List the events of a running server."`
	Simulate      simulateCmd      `cmd:"" help:"Let simulated participants join a call over WebRTC."`
	Compose       composeCmd       `cmd:"" help:"Make an MP4 of a call that callreel serve --capture kept."`
	Bench         benchCmd         `cmd:"" help:"Measure what recording costs on this machine."`
	Inspect       inspectCmd       `cmd:"" help:"Say what is in an MP4 file and whether it is whole."`
	Recover       recoverCmd       `cmd:"" help:"Finish and store recordings that a crash has left in a spool."`
	Worker        workerCmd        `cmd:"" hidden:"" help:"Hold a call: callreel serve starts it."`
	Version       versionCmd       `cmd:"" help:"Print the versions of callreel and its libraries."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version of callreel."`
}

// console is where a command writes.
type console struct {
	out io.Writer // results
	err io.Writer // everything else
}

// run does what args say until ctx ends and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	helped := false
	parser, err := kong.New(
		&commands{},
		kong.Name("callreel"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }), // the parser says so after --help
		kong.DefaultEnvars("CALLREEL"),
		kong.Vars{"version": version()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(console{stdout, stderr}),
	)
	if err != nil {
		return fail(stderr, err)
	}
	command, err := parser.Parse(args)
	switch {
	case helped:
		return 0
	case err != nil:
		return fail(stderr, fault.Caller.Wrap(fmt.Errorf("%w (see callreel --help)", err)))
	}
	if err := command.Run(); err != nil {
		return fail(stderr, err)
	}
	return 0
}

func fail(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintln(stderr, "callreel:", err)
	return exitStatus(err)
}

// exitStatus says by a number who must act.
func exitStatus(err error) int {
	kind := fault.Of(err)
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.StatusCode < 500 {
		kind = fault.Caller
	}
	return map[fault.Kind]int{fault.Internal: 1, fault.Caller: 2, fault.Source: 3, fault.Destination: 4}[kind]
}
